#include "mooring/ovs/meter.hpp"

#include <charconv>

#include <fmt/format.h>

namespace mooring::ovs {

std::string Meter::str() const {
  return fmt::format("meter={},{},burst,bands=type=drop,rate={},burst_size={}", id,
                     unit == Unit::kbps ? "kbps" : "pktps", rate, burst);
}

std::uint32_t meter_of(const std::string& actions) {
  constexpr std::string_view name = "meter:";
  std::size_t at = actions.find(name);
  while (at != std::string::npos && at != 0 && actions[at - 1] != ',' && actions[at - 1] != '(') {
    at = actions.find(name, at + 1);
  }
  std::uint32_t id = 0;
  if (at != std::string::npos) {
    std::from_chars(actions.data() + at + name.size(), actions.data() + actions.size(), id);
  }
  return id;
}

}  // namespace mooring::ovs
