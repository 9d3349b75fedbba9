#include "ipam-controller/domain/change.hpp"

#include "ipam-controller/domain/ranges.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

Change common_entry(std::string_view kind, const std::string& name, Revision revision, Json value) {
  Change entry;
  entry.kind = kind;
  entry.shard = common_shard;
  entry.key = name;
  entry.revision = revision;
  entry.value = std::move(value);
  return entry;
}

}  // namespace

Change entry_of(const Network& network) {
  Json value = {{"isolated", network.isolated}};
  return common_entry(ipam_api::entry_kind::network, network.name, network.revision, std::move(value));
}

Change entry_of(const Subnet& subnet) {
  Json value = {{"network", subnet.network},
                {"vni", subnet.vni.value()},
                {"cidr", subnet.cidr.str()},
                {"gateway", subnet.gateway.str()},
                {"mtu_bytes", subnet.mtu_bytes}};
  return common_entry(ipam_api::entry_kind::subnet, subnet.name, subnet.revision, std::move(value));
}

Change entry_of(const Pool& pool) {
  // Exclusions are cut out: an excluded address may be a machine on the physical side.
  Json ranges = Json::array();
  for (const net::AddressRange& range : subtract(pool.ranges, pool.exclusions)) {
    ranges.push_back(range.first.str() + "-" + range.last.str());
  }
  Json value = {{"subnet", pool.subnet}, {"ranges", std::move(ranges)}};
  return common_entry(ipam_api::entry_kind::pool, pool.name, pool.revision, std::move(value));
}

Change entry_of(const Port& port) {
  Change entry;
  entry.kind = ipam_api::entry_kind::port;
  entry.shard = port.vni.value();
  entry.key = port.address.str() + "/32";
  entry.revision = port.revision;
  entry.generation = port.generation;
  entry.value = {{"node", port.node},
                 {"mac", port.mac.str()},
                 {"state", to_string(port.state)},
                 {"attachment", port.attachment.str()},
                 {"network", port.owner.network}};
  return entry;
}

Change entry_of(const Node& node) {
  Json value = {{"vtep", node.vtep.str()}};
  return common_entry(ipam_api::entry_kind::node, node.name, node.revision, std::move(value));
}

Change entry_of(const Gateway& gateway) {
  Json value = {{"vtep", gateway.vtep.str()}, {"network", gateway.network}};
  return common_entry(ipam_api::entry_kind::gateway, gateway.name, gateway.revision, std::move(value));
}

Change tombstone_of(Change entry, Revision revision) {
  entry.revision = revision;
  entry.deleted = true;
  entry.value = nullptr;
  return entry;
}

}  // namespace mooring::controller
