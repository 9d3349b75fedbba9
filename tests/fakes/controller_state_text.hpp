// Everything in a State as text, one object a line in a fixed order, with what is derived (pools' counts, quotas,
// deadlines, indexes, shards' entries) beside it: to compare two states, and to see where they differ.
#pragma once

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/domain/object_json.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller::fakes {

inline std::string use_text(const PoolUse& use) {
  return fmt::format("size={} allocated={} bound={} reserved={} leased={} resting={} free={}", use.size, use.allocated,
                     use.bound, use.reserved, use.leased, use.resting, use.free);
}

inline std::string state_text(const State& state) {
  std::vector<std::string> lines;
  std::set<std::string> namespaces;
  std::set<BindingKey> owners;
  const auto add = [&](const auto& objects) {
    for (const auto& [key, object] : objects) {
      lines.push_back(fmt::format("{} {} at {}", kind_name<std::decay_t<decltype(object)>>(), to_json(object).dump(),
                                  object.revision));
    }
  };
  add(state.networks());
  add(state.subnets());
  add(state.pools());
  add(state.reservations());
  add(state.rules());
  add(state.nodes());
  add(state.gateways());
  add(state.lists());
  add(state.access_rules());
  add(state.listed_blocks());
  add(state.vips());
  add(state.blocks());
  add(state.extra_addresses());
  add(state.bindings());
  std::vector<Port> ports;
  state.ports().each([&](const PackedPort& packed) { ports.push_back(state.ports().unpack(packed)); });
  for (const Port& port : ports) {
    lines.push_back(fmt::format("{} {} at {}", kind_name<Port>(), to_json(port).dump(), port.revision));
  }
  add(state.resting());
  for (const auto shard : state.shards()) {
    for (const Change& entry : state.snapshot(shard)) {
      lines.push_back(entry.text);
    }
  }
  for (const auto& [key, b] : state.bindings()) {
    namespaces.insert(key.namespace_);
    owners.insert(key);
    const net::Vni vni = state.subnet(b.subnet)->vni;
    bool indexed = state.owner_of_mac(vni, b.mac) != nullptr && *state.owner_of_mac(vni, b.mac) == key;
    for (const net::IpAddress address : b.addresses.all()) {
      indexed = indexed && state.binding_at({vni, address}) == state.binding(key);
    }
    lines.push_back(fmt::format("binding {} {}", key.str(), indexed ? "indexed" : "NOT INDEXED"));
  }
  for (const Port& p : ports) {
    namespaces.insert(p.owner.namespace_);
    owners.insert(p.owner);
    const auto is_it = [&](const Found<Port>& found) { return found == p; };
    bool indexed = is_it(state.port_of(p.owner)) && is_it(state.port_by_id(p.id)) &&
                   is_it(state.port_of(p.node, p.attachment)) && state.owner_of_mac(p.vni, p.mac) != nullptr &&
                   *state.owner_of_mac(p.vni, p.mac) == p.owner;
    for (const net::IpAddress address : p.addresses.all()) {
      indexed = indexed && is_it(state.port({p.vni, address}));
    }
    const auto of_node = state.ports_of_node(p.node);
    indexed = indexed && std::any_of(of_node.begin(), of_node.end(), [&](const Port& one) { return one == p; });
    lines.push_back(fmt::format("port {} {}", p.id, indexed ? "indexed" : "NOT INDEXED"));
  }
  for (const auto& [key, resting] : state.resting()) {
    owners.insert(resting.last_owner);
  }
  for (const auto& [key, extra] : state.extra_addresses()) {
    namespaces.insert(extra.namespace_);
    if (extra.holder) {
      const auto held = state.extra_addresses_of(*extra.holder);
      lines.push_back(fmt::format("extra {} {}", extra.address.str(),
                                  std::count(held.begin(), held.end(), key) == 1 ? "indexed" : "NOT INDEXED"));
    }
  }
  for (const BindingKey& owner : owners) {
    for (const FencedUid& fenced : state.fenced_uids(owner)) {
      lines.push_back(fmt::format("fenced {} {} at {}", owner.str(), fenced.uid, fenced.revision));
    }
    std::string had;
    for (const Resting* resting : state.resting_of(owner)) {
      had += " " + resting->address.str();
    }
    lines.push_back(fmt::format("resting of {}:{}", owner.str(), had));
  }
  for (const auto& [name, pool] : state.pools()) {
    lines.push_back(fmt::format("pool {} v4 {}", name, use_text(state.use(name, net::Family::v4))));
    lines.push_back(fmt::format("pool {} v6 {}", name, use_text(state.use(name, net::Family::v6))));
    lines.push_back(fmt::format("pool {} first rested {}", name, state.first_rested(name).value_or(-1)));
    for (const std::string& one : namespaces) {
      lines.push_back(fmt::format("pool {} namespace {} {}", name, one, state.used_by_namespace(name, one)));
    }
  }
  for (const auto& [name, network] : state.networks()) {
    const Pool* usual = state.default_pool(name);
    lines.push_back(fmt::format("network {} default pool {}", name, usual == nullptr ? "(none)" : usual->name));
  }
  std::string rules;
  for (const Rule* rule : state.rules_in_order()) {
    rules += " " + rule->name;
  }
  lines.push_back("rules:" + rules);
  constexpr TimeMs end_of_time = std::numeric_limits<TimeMs>::max();
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  for (const PortAddress& key : state.rested_by(end_of_time, all)) {
    lines.push_back(fmt::format("rest ends {} {}", key.vni.value(), key.address.str()));
  }
  for (const BindingKey& owner : state.expired_by(end_of_time, all)) {
    lines.push_back("binding ends " + owner.str());
  }
  lines.push_back(fmt::format("next deadline {}", state.next_deadline().value_or(-1)));
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

// The rows of a state, applied to an empty one with the pools last: counted by looking at what is there, not row by
// row.
inline std::string text_built_anew(const std::vector<Write>& rows) {
  State built;
  for (const bool pools : {false, true}) {
    for (const Write& row : rows) {
      if (std::holds_alternative<Pool>(row) == pools) {
        built.apply(row);
      }
    }
  }
  return state_text(built);
}

}  // namespace mooring::controller::fakes
