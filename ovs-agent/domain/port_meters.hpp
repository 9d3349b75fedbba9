// The meters of a port whose container may carry only so much (docs/ovs-pipeline.md).
// Pure. Threading: values.
#pragma once

#include <vector>

#include "mooring/ovs/meter.hpp"
#include "ovs-agent/domain/local_port.hpp"

namespace mooring::agent {

// Ids on br-int, by OpenFlow port: two a port.
constexpr std::uint32_t ingress_meter(std::uint32_t ofport) {
  return 2 * ofport;
}
constexpr std::uint32_t egress_meter(std::uint32_t ofport) {
  return 2 * ofport + 1;
}

// None for a port without limits.
std::vector<ovs::Meter> meters_of(const LocalPort& port);

// "meter:14," where the port has a limit in that direction, else "": comes first of a flow's actions.
std::string through_ingress_meter(const LocalPort& port);
std::string through_egress_meter(const LocalPort& port);

}  // namespace mooring::agent
