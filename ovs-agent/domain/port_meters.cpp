#include "ovs-agent/domain/port_meters.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::agent {
namespace {

constexpr std::uint64_t bits_a_kilobit = 1'000;
// A policer drops what a shaper would delay: TCP keeps near the rate only if it may send what it has for a round trip,
// and a segment of 64 KiB (what the kernel's datapath meters before it is cut up) must pass at all.
constexpr std::uint64_t bursts_a_second = 5;
constexpr std::uint64_t least_burst_kilobits = 640;

ovs::Meter meter_for(std::uint32_t id, const agent_api::RateLimit& limit) {
  constexpr std::uint64_t greatest = 0xffff'ffffU;
  const std::uint64_t rate = std::clamp(limit.bits_per_second / bits_a_kilobit, std::uint64_t{1}, greatest);
  const std::uint64_t wanted = limit.burst_bits != 0 ? limit.burst_bits / bits_a_kilobit : rate / bursts_a_second;
  ovs::Meter meter;
  meter.id = id;
  meter.rate = static_cast<std::uint32_t>(rate);
  meter.burst = static_cast<std::uint32_t>(std::clamp(wanted, least_burst_kilobits, greatest));
  return meter;
}

std::string through(const agent_api::RateLimit& limit, std::uint32_t id) {
  return limit.bits_per_second == 0 ? std::string() : fmt::format("meter:{},", id);
}

}  // namespace

std::vector<ovs::Meter> meters_of(const LocalPort& port) {
  std::vector<ovs::Meter> meters;
  const agent_api::Bandwidth& bandwidth = port.record.bandwidth;
  if (bandwidth.ingress.bits_per_second != 0) {
    meters.push_back(meter_for(ingress_meter(port.ofport), bandwidth.ingress));
  }
  if (bandwidth.egress.bits_per_second != 0) {
    meters.push_back(meter_for(egress_meter(port.ofport), bandwidth.egress));
  }
  return meters;
}

std::string through_ingress_meter(const LocalPort& port) {
  return through(port.record.bandwidth.ingress, ingress_meter(port.ofport));
}
std::string through_egress_meter(const LocalPort& port) {
  return through(port.record.bandwidth.egress, egress_meter(port.ofport));
}

}  // namespace mooring::agent
