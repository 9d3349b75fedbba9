#include "ovs-agent/domain/may_delete.hpp"

#include <charconv>

namespace mooring::agent {
namespace {

// The value of "name=value" in "a,name=value,b".
std::optional<std::string_view> field(std::string_view match, std::string_view name) {
  for (std::size_t begin = 0; begin < match.size();) {
    const auto end = std::min(match.find(',', begin), match.size());
    const auto item = match.substr(begin, end - begin);
    if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=') {
      return item.substr(name.size() + 1);
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  text.remove_prefix(hexadecimal ? 2 : 0);
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool destination_may_go(const ovs::Flow& flow, const directory::Directory& directory) {
  const auto key = destination_of(flow.key.match);
  if (!key) {
    return directory.complete();  // a form of another version
  }
  const ipam_api::Generation made_from = generation_of(flow.cookie);
  if (directory.known_absent(*key, made_from)) {
    return true;
  }
  const auto entry = directory.find(*key);
  // On demand: while the directory has the very entry, the next packet brings the flow back.
  const bool on_demand = flow.key.table == tun_table::to_tunnel;
  return entry &&
         (entry->generation > made_from || (entry->generation == made_from && (on_demand || directory.complete())));
}

}  // namespace

std::optional<directory::PortKey> destination_of(std::string_view match) {
  auto segment = field(match, "pkt_mark");
  if (!segment) {
    segment = field(match, "tun_id");
  }
  auto destination = field(match, "nw_dst");
  if (!destination) {
    destination = field(match, "ipv6_dst");
  }
  if (!segment || !destination) {
    return std::nullopt;
  }
  const auto value = number(*segment);
  const auto address = net::IpAddress::parse(*destination);
  if (!value || !address) {
    return std::nullopt;
  }
  const auto vni = net::Vni::from(*value);
  return vni ? std::optional(directory::PortKey{vni.value(), address.value()}) : std::nullopt;
}

bool may_delete(const ovs::Flow& flow, const directory::Directory& directory, bool ports_known) {
  switch (owner_of(flow.cookie)) {
    case FlowOwner::none:   // somebody else's on a bridge that is ours alone: it could open what must be shut
    case FlowOwner::fixed:  // follows from the settings
      return true;
    case FlowOwner::local_port:
      return ports_known;
    case FlowOwner::layout:
      return ports_known && directory.complete();
    case FlowOwner::destination:
      return destination_may_go(flow, directory);
  }
  return false;
}

}  // namespace mooring::agent
