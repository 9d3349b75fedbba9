#include "mooring/ovs/flow.hpp"

#include <fmt/format.h>

#include "mooring/ovs/flow_text.hpp"

namespace mooring::ovs {

std::string FlowKey::str() const {
  return match.empty() ? fmt::format("table={},priority={}", table, priority)
                       : fmt::format("table={},priority={},{}", table, priority, match);
}

std::string Flow::str() const {
  std::string text = key.str() + fmt::format(" cookie={:#x}", cookie);
  if (idle_timeout != 0) {
    text += fmt::format(" idle_timeout={}", idle_timeout);
  }
  if (hard_timeout != 0) {
    text += fmt::format(" hard_timeout={}", hard_timeout);
  }
  return text + " actions=" + actions;
}

Flow flow_from(const mo_flow& raw) {
  Flow flow;
  flow.key.table = raw.table;
  flow.key.priority = raw.priority;
  flow.key.match = raw.match;
  flow.cookie = raw.cookie;
  flow.idle_timeout = raw.idle_timeout;
  flow.hard_timeout = raw.hard_timeout;
  flow.actions = raw.actions;
  return flow;
}

Result<Flow> parse_flow(std::string_view text) {
  mo_flow raw{};
  if (const ShimText error{mo_flow_parse(std::string(text).c_str(), &raw)}) {
    return Error(Errc::invalid_argument, fmt::format("parsing flow \"{}\": {}", text, error.get()));
  }
  Flow flow = flow_from(raw);
  mo_flow_clear(&raw);
  return flow;
}

}  // namespace mooring::ovs
