#include "ipam-controller/domain/change.hpp"

#include <algorithm>

#include "ipam-controller/domain/ranges.hpp"
#include "mooring/ipam_api/json_text.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;
using ipam_api::JsonText;

// (Keys in their order, everywhere.)
std::string change_text(const Change& change, std::string_view value) {
  JsonText text(128 + change.key.size() + value.size());
  if (change.deleted) {
    text.boolean("deleted", true);
  }
  if (change.generation != 0) {
    text.number("generation", change.generation);
  }
  text.text("key", change.key).text("kind", change.kind).number("revision", change.revision);
  text.number("shard", change.shard);
  if (!change.deleted) {
    text.raw("value", value);
  }
  return std::move(text).finished();
}

std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Change common_entry(std::string_view kind, const std::string& name, Revision revision, const Json& value) {
  return make_entry(kind, common_shard, name, revision, 0, compact(value));
}

template <class Each>
std::string frame(Revision revision, const Each& each) {
  std::string text = R"({"changes":[)";
  bool first = true;
  each([&](const std::string& one) {
    if (!first) {
      text += ',';
    }
    first = false;
    text += one;
  });
  text += R"(],"revision":)";
  text += std::to_string(revision);
  return text += ",\"type\":\"CHANGES\"}\n";
}

std::string key_of(net::IpAddress address) {
  return address.str() + (address.is_v4() ? "/32" : "/128");
}

}  // namespace

Change make_entry(std::string_view kind, ipam_api::Shard shard, std::string key, Revision revision,
                  Generation generation, std::string_view value) {
  Change entry;
  entry.kind = kind;
  entry.shard = shard;
  entry.key = std::move(key);
  entry.revision = revision;
  entry.generation = generation;
  entry.text = change_text(entry, value);
  entry.digest = ipam_api::entry_digest(kind, shard, entry.key, revision, value);
  return entry;
}

LoggedChanges logged(const ChangeSet& changes) {
  LoggedChanges texts;
  texts.revision = changes.revision;
  for (const Change& change : changes.changes) {
    texts.texts.push_back(change.text);
  }
  return texts;
}

std::string frame_of(const ChangeSet& changes) {
  return frame(changes.revision, [&](const auto& add) {
    for (const Change& change : changes.changes) {
      add(change.text);
    }
  });
}

std::string frame_of(const LoggedChanges& changes) {
  return frame(changes.revision,
               [&](const auto& add) { std::for_each(changes.texts.begin(), changes.texts.end(), add); });
}

std::vector<Change> entries_of(const Network& network) {
  return {common_entry(ipam_api::entry_kind::network, network.name, network.revision,
                       Json{{"isolated", network.isolated}})};
}

std::vector<Change> entries_of(const Subnet& subnet) {
  std::vector<Change> entries;
  for (const SubnetBlock& block : subnet.blocks) {
    Json value = {{"network", subnet.network},
                  {"vni", subnet.vni.value()},
                  {"cidr", block.cidr.str()},
                  {"gateway", block.gateway.str()},
                  {"mtu_bytes", subnet.mtu_bytes}};
    if (subnet.mtu_from_underlay) {
      value["mtu_from_underlay"] = true;
    }
    if (subnet.bridged) {
      value["bridged_vlan"] = subnet.bridged->vlan;
    }
    // What a node tells its pods where it gives them addresses by itself.
    if (!subnet.dns.empty()) {
      value["dns"] = ipam_api::to_json(subnet.dns);
    }
    for (const ipam_api::Route& route : subnet.routes) {
      value["routes"].push_back(ipam_api::to_json(route));
    }
    const bool v4 = block.cidr.family() == net::Family::v4;
    entries.push_back(common_entry(v4 ? ipam_api::entry_kind::subnet : ipam_api::entry_kind::subnet6, subnet.name,
                                   subnet.revision, value));
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
    const Json value = {{"subnet", pool.subnet}, {"ranges", std::move(ranges)}};
    entries.push_back(common_entry(family == net::Family::v4 ? ipam_api::entry_kind::pool : ipam_api::entry_kind::pool6,
                                   pool.name, pool.revision, value));
  }
  return entries;
}

std::vector<Change> entries_of(const Port& port) {
  JsonText value;
  value.text("attachment", port.attachment.str()).text("mac", port.mac.str()).text("network", port.owner.network);
  value.text("node", port.node).text("state", to_string(port.state));
  const std::string text = std::move(value).finished();
  std::vector<Change> entries;
  for (const auto& address : {port.addresses.v4(), port.addresses.v6()}) {
    if (address) {
      entries.push_back(make_entry(address->is_v4() ? ipam_api::entry_kind::port : ipam_api::entry_kind::port6,
                                   port.vni.value(), key_of(*address), port.revision, port.generation, text));
    }
  }
  return entries;
}

std::vector<Change> entries_of(const Block& block) {
  Json value = {{"node", block.node}, {"id", block.id}, {"pool", block.pool}};
  if (block.use_seconds != 0) {
    value["use_seconds"] = block.use_seconds;
  }
  if (block.returning) {
    value["returning"] = true;
  }
  return {make_entry(ipam_api::entry_kind::block, block.vni.value(),
                     block.range.first.str() + "-" + block.range.last.str(), block.revision, block.generation,
                     compact(value))};
}

std::vector<Change> entries_of(const ExtraAddress& extra, const Port* holder) {
  if (holder == nullptr || holder->vni != extra.vni) {
    return {};  // (The hostname may have come back in another subnet.)
  }
  const Json value = {{"node", holder->node},
                      {"mac", holder->mac.str()},
                      {"attachment", holder->attachment.str()},
                      {"network", extra.network}};
  // It follows its port to another node without a move of its own.
  return {make_entry(ipam_api::entry_kind::extra, extra.vni.value(), key_of(extra.address),
                     std::max(extra.revision, holder->revision), std::max(extra.generation, holder->generation),
                     compact(value))};
}

std::vector<Change> entries_of(const Node& node) {
  if (node.fenced) {
    return {};
  }
  return {common_entry(ipam_api::entry_kind::node, node.name, node.revision, Json{{"vtep", node.vtep.str()}})};
}

std::vector<Change> entries_of(const Gateway& gateway) {
  const Json value = {{"vtep", gateway.vtep.str()}, {"network", gateway.network}};
  return {common_entry(ipam_api::entry_kind::gateway, gateway.name, gateway.revision, value)};
}

std::vector<Change> entries_of(const AccessRule& rule) {
  Json value = Json::object();
  ipam_api::put_access_terms(value, rule.terms);
  return {common_entry(ipam_api::entry_kind::access_rule, rule.name, rule.revision, value)};
}

std::vector<Change> entries_of(const ListedBlock& listed) {
  return {common_entry(ipam_api::entry_kind::listed, listed.key(), listed.revision,
                       Json{{"list", listed.list}, {"block", listed.block.str()}})};
}

Change tombstone_of(Change entry, Revision revision) {
  entry.revision = revision;
  entry.deleted = true;
  entry.digest = 0;
  entry.text = change_text(entry, {});
  return entry;
}

}  // namespace mooring::controller
