#include "ipam-controller/store/incarnation.hpp"

#include <random>

#include <fmt/format.h>

namespace mooring::controller {

std::string new_incarnation() {
  std::random_device random;  // the kernel's
  std::string id;
  for (int i = 0; i < 4; ++i) {
    id += fmt::format("{:08x}", random());
  }
  return id;
}

}  // namespace mooring::controller
