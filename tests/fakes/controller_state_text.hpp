// Everything in a State as text, one object a line in a fixed order, with what is derived (pools' counts, shards'
// entries) beside it: to compare two states, and to see where they differ.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/domain/state.hpp"

namespace mooring::controller::fakes {

inline std::string state_text(const State& state) {
  std::vector<std::string> lines;
  for (const auto shard : state.shards()) {
    for (const Change& entry : state.snapshot(shard)) {
      lines.push_back(entry.text);
    }
  }
  for (const auto& [name, subnet] : state.subnets()) {
    lines.push_back(fmt::format("subnet {} dns {} routes {}", name, to_json(subnet.dns).dump(), subnet.routes.size()));
  }
  for (const auto& [name, pool] : state.pools()) {
    const PoolUse use = state.use(name);
    lines.push_back(fmt::format("pool {} {} default={} size={} allocated={} bound={} free={}", name,
                                to_string(pool.kind), pool.is_default, use.size, use.allocated, use.bound, use.free));
  }
  for (const auto& [name, node] : state.nodes()) {
    lines.push_back(fmt::format("node {} {} {}", name, node.machine_id, node.version));
  }
  for (const auto& [name, gateway] : state.gateways()) {
    lines.push_back(fmt::format("gateway {} {} {}", name, gateway.machine_id, gateway.version));
  }
  const auto add_fenced = [&](const BindingKey& owner) {
    for (const FencedUid& fenced : state.fenced_uids(owner)) {
      lines.push_back(fmt::format("fenced {} {} at {}", owner.str(), fenced.uid, fenced.revision));
    }
  };
  for (const auto& [owner, b] : state.bindings()) {
    lines.push_back(fmt::format("binding {} {} {} {} {} {} last {} {} at {}", owner.str(), to_string(b.kind), b.subnet,
                                b.pool, b.addresses.str(), b.mac.str(), b.last_uid, b.last_node, b.revision));
    add_fenced(owner);
  }
  state.ports().each([&](const PackedPort& packed) {
    const Port p = state.ports().unpack(packed);
    const bool indexed = state.port(p.key()) == p && state.port_of(p.owner) == p && state.port_by_id(p.id) == p &&
                         state.port_of(p.node, p.attachment) == p;
    lines.push_back(fmt::format("port {} {} {} {} {} uid {} {}", p.id, p.owner.str(), to_string(p.kind), p.subnet,
                                p.pool, p.pod_uid, indexed ? "indexed" : "NOT INDEXED"));
    if (state.binding(p.owner) == nullptr) {
      add_fenced(p.owner);
    }
  });
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

}  // namespace mooring::controller::fakes
