#include "mooring/ovs/group.hpp"

#include <charconv>

#include <fmt/format.h>

#include "mooring/ovs/flow_text.hpp"
#include "mooring/ovs/shim/openflow.h"

namespace mooring::ovs {

Result<Group> parse_group(std::string_view text) {
  mo_group raw{};
  if (const ShimText error{mo_group_parse(std::string(text).c_str(), &raw)}) {
    return Error(Errc::invalid_argument, fmt::format("parsing group \"{}\": {}", text, error.get()));
  }
  const ShimText canonical(raw.text);
  return Group{raw.id, canonical.get()};
}

std::vector<std::uint32_t> groups_of(std::string_view actions) {
  constexpr std::string_view name = "group:";
  std::vector<std::uint32_t> ids;
  for (std::size_t at = actions.find(name); at != std::string_view::npos; at = actions.find(name, at + name.size())) {
    if (at != 0 && actions[at - 1] != ',' && actions[at - 1] != '(' && actions[at - 1] != '=') {
      continue;  // watch_group:
    }
    std::uint32_t id = 0;
    const auto digits = actions.substr(at + name.size());
    if (std::from_chars(digits.data(), digits.data() + digits.size(), id).ec == std::errc{}) {
      ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace mooring::ovs
