#include "mooring/ovs/meter.hpp"

#include <charconv>

#include <fmt/format.h>

namespace mooring::ovs {

std::string Meter::str() const {
  return fmt::format("meter={},{},burst,bands=type=drop,rate={},burst_size={}", id,
                     unit == Unit::kbps ? "kbps" : "pktps", rate, burst);
}

namespace {

// The numbers behind `name` where it begins an item of the list.
void ids_behind(std::string_view name, std::string_view actions, std::vector<std::uint32_t>& ids) {
  for (std::size_t at = actions.find(name); at != std::string_view::npos; at = actions.find(name, at + name.size())) {
    if (at != 0 && actions[at - 1] != ',' && actions[at - 1] != '(') {
      continue;
    }
    std::uint32_t id = 0;
    const auto digits = actions.substr(at + name.size());
    if (std::from_chars(digits.data(), digits.data() + digits.size(), id).ec == std::errc{}) {
      ids.push_back(id);
    }
  }
}

}  // namespace

std::uint32_t meter_of(const std::string& actions) {
  std::vector<std::uint32_t> ids;
  ids_behind("meter:", actions, ids);
  return ids.empty() ? 0 : ids.front();
}

std::vector<std::uint32_t> meters_of(std::string_view actions) {
  std::vector<std::uint32_t> ids;
  ids_behind("meter:", actions, ids);
  ids_behind("meter_id=", actions, ids);
  return ids;
}

}  // namespace mooring::ovs
