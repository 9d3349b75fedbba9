#include "ipam-controller/domain/change.hpp"

#include <algorithm>

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

std::vector<Change> entries_of(const Network& network) {
  Json value = {{"isolated", network.isolated}};
  return {common_entry(ipam_api::entry_kind::network, network.name, network.revision, std::move(value))};
}

std::vector<Change> entries_of(const Subnet& subnet) {
  std::vector<Change> entries;
  for (const SubnetBlock& block : subnet.blocks) {
    Json value = {{"network", subnet.network},
                  {"vni", subnet.vni.value()},
                  {"cidr", block.cidr.str()},
                  {"gateway", block.gateway.str()},
                  {"mtu_bytes", subnet.mtu_bytes}};
    const bool v4 = block.cidr.family() == net::Family::v4;
    entries.push_back(common_entry(v4 ? ipam_api::entry_kind::subnet : ipam_api::entry_kind::subnet6, subnet.name,
                                   subnet.revision, std::move(value)));
  }
  return entries;
}

std::vector<Change> entries_of(const Pool& pool) {
  // Exclusions are cut out: an excluded address may be a machine on the physical side.
  const std::vector<net::IpRange> kept = subtract(pool.ranges, pool.exclusions);
  std::vector<Change> entries;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (!pool.has(family)) {
      continue;
    }
    Json ranges = Json::array();
    for (const net::IpRange& range : kept) {
      if (range.family() == family) {
        ranges.push_back(range.first.str() + "-" + range.last.str());
      }
    }
    Json value = {{"subnet", pool.subnet}, {"ranges", std::move(ranges)}};
    entries.push_back(common_entry(family == net::Family::v4 ? ipam_api::entry_kind::pool : ipam_api::entry_kind::pool6,
                                   pool.name, pool.revision, std::move(value)));
  }
  return entries;
}

std::vector<Change> entries_of(const Port& port) {
  std::vector<Change> entries;
  for (const net::IpAddress address : port.addresses.all()) {
    Change& entry = entries.emplace_back();
    entry.kind = address.is_v4() ? ipam_api::entry_kind::port : ipam_api::entry_kind::port6;
    entry.shard = port.vni.value();
    entry.key = address.str() + (address.is_v4() ? "/32" : "/128");
    entry.revision = port.revision;
    entry.generation = port.generation;
    entry.value = {{"node", port.node},
                   {"mac", port.mac.str()},
                   {"state", to_string(port.state)},
                   {"attachment", port.attachment.str()},
                   {"network", port.owner.network}};
  }
  return entries;
}

std::vector<Change> entries_of(const Block& block) {
  Change entry;
  entry.kind = ipam_api::entry_kind::block;
  entry.shard = block.vni.value();
  entry.key = block.range.first.str() + "-" + block.range.last.str();
  entry.revision = block.revision;
  entry.generation = block.generation;
  entry.value = {{"node", block.node}, {"id", block.id}};
  return {entry};
}

std::vector<Change> entries_of(const ExtraAddress& extra, const Port* holder) {
  if (holder == nullptr || holder->vni != extra.vni) {
    return {};  // (The hostname may have come back in another subnet.)
  }
  Change entry;
  entry.kind = ipam_api::entry_kind::extra;
  entry.shard = extra.vni.value();
  entry.key = extra.address.str() + (extra.address.is_v4() ? "/32" : "/128");
  // It follows its port to another node without a move of its own.
  entry.revision = std::max(extra.revision, holder->revision);
  entry.generation = std::max(extra.generation, holder->generation);
  entry.value = {{"node", holder->node},
                 {"mac", holder->mac.str()},
                 {"attachment", holder->attachment.str()},
                 {"network", extra.network}};
  return {entry};
}

std::vector<Change> entries_of(const Node& node) {
  if (node.fenced) {
    return {};
  }
  Json value = {{"vtep", node.vtep.str()}};
  return {common_entry(ipam_api::entry_kind::node, node.name, node.revision, std::move(value))};
}

std::vector<Change> entries_of(const Gateway& gateway) {
  Json value = {{"vtep", gateway.vtep.str()}, {"network", gateway.network}};
  return {common_entry(ipam_api::entry_kind::gateway, gateway.name, gateway.revision, std::move(value))};
}

Change tombstone_of(Change entry, Revision revision) {
  entry.revision = revision;
  entry.deleted = true;
  entry.value = nullptr;
  return entry;
}

}  // namespace mooring::controller
