// What the gateway needs of the kernel it stands on. adapters/kernel_foot.hpp is the real one.
// Threading: one thread.
#pragma once

#include <optional>
#include <vector>

#include "overlay-gateway/domain/foot_plan.hpp"

namespace mooring::gateway {

class Foot {
 public:
  virtual ~Foot() = default;

  // The first IPv4 address of the physical interface.
  virtual std::optional<net::Ipv4Address> physical_address() = 0;
  // `already_exists` if a link that Open vSwitch did not make has the name mooring-gw0.
  virtual Result<void> name_is_free() = 0;

  struct Outcome {
    std::vector<Error> problems;  // empty: all is as it should be
    bool changed = false;
  };
  // Makes the kernel as the plan says; what is right is left alone. Goes on after a problem: one subnet's clash does
  // not stop the others.
  virtual Outcome ensure(const FootPlan& plan) = 0;
};

}  // namespace mooring::gateway
