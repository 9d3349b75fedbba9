// Plans for pods that have to go elsewhere: their node is drained, or their pool becomes smaller.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "ipam-controller/app/planning.hpp"
#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/ranges.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

// In the order in which people read them.
std::vector<Port> sorted(std::vector<Port> ports) {
  std::sort(ports.begin(), ports.end(), [](const Port& a, const Port& b) { return a.owner < b.owner; });
  return ports;
}

// The pod went, and its successor came: what it has then.
PlanItem moved(Trial& trial, const Port& port, const ipam_api::AllocateRequest& request) {
  PlanItem item = trial.add(request);
  item.subject = fmt::format("{}/{}", port.owner.namespace_, port.owner.hostname);
  item.owner = port.owner;
  item.from = port.addresses;
  if (!item.error) {
    item.outcome = item.addresses == port.addresses ? PlanOutcome::keeps : PlanOutcome::moves;
  }
  return item;
}

PlanItem fixed_item(const State& state, const Binding& binding) {
  PlanItem item;
  const auto port = state.port_of(binding.owner);
  item.subject = fmt::format("{}/{}", binding.owner.namespace_, binding.owner.hostname);
  item.owner = binding.owner;
  item.node = port ? port->node : std::string();
  item.from = binding.addresses;
  item.mac = binding.mac;
  item.subnet = binding.subnet;
  item.pool = binding.pool;
  item.kind = binding.kind;
  item.because = fmt::format("{} binding, {}", to_string(binding.kind), binding.retention.str());
  item.error = Error(Errc::in_use,
                     fmt::format("{} is bound to it ({}, {}): it does not move by itself", binding.addresses.str(),
                                 to_string(binding.kind), binding.retention.str()),
                     fmt::format("keep its address in the pool, or give it another: mooringctl delete binding {} -n {}",
                                 binding.owner.hostname, binding.owner.namespace_));
  return item;
}

// Everything that is in the way of a change of a pool.
struct InTheWay {
  std::vector<Binding> bindings;
  std::vector<Port> ports;  // without a binding
  std::vector<Block> blocks;
  std::vector<ExtraAddress> extras;
};

InTheWay in_the_way(const State& state, const Pool& pool, const std::optional<PoolChange>& change,
                    const std::vector<net::IpRange>& lost) {
  const auto hit = [&](const std::string& subnet, const std::string& of_pool, const net::AddressPair& addresses) {
    if (!change) {
      return of_pool == pool.name;
    }
    const auto all = addresses.all();
    return subnet == pool.subnet && std::any_of(all.begin(), all.end(), [&](net::IpAddress address) {
             return std::any_of(lost.begin(), lost.end(), [&](const auto& range) { return range.contains(address); });
           });
  };
  InTheWay found;
  for (const auto& [owner, binding] : state.bindings()) {
    if (hit(binding.subnet, binding.pool, binding.addresses)) {
      found.bindings.push_back(binding);
    }
  }
  state.ports().each([&](const PackedPort& packed) {
    Port port = state.ports().unpack(packed);
    if (hit(port.subnet, port.pool, port.addresses) && !state.bindings().contains(port.owner)) {
      found.ports.push_back(std::move(port));
    }
  });
  for (const auto& [id, block] : state.blocks()) {
    const bool overlaps =
        std::any_of(lost.begin(), lost.end(), [&](const auto& range) { return range.overlaps(block.range); });
    if (block.pool == pool.name && (!change || overlaps)) {
      found.blocks.push_back(block);
    }
  }
  for (const auto& [key, extra] : state.extra_addresses()) {
    if (hit(extra.subnet, extra.pool, extra.address)) {
      found.extras.push_back(extra);
    }
  }
  std::sort(found.bindings.begin(), found.bindings.end(),
            [](const Binding& a, const Binding& b) { return a.owner < b.owner; });
  found.ports = sorted(std::move(found.ports));
  return found;
}

// Rules and other pools that name it: they have to be changed before it can go.
void forget_pool(Transaction& tx, const std::string& name, Plan& plan) {
  const auto drop = [&](std::vector<std::string>& names) { return std::erase(names, name) != 0; };
  std::vector<Rule> rules;
  std::vector<Pool> pools;
  for (const auto& [key, rule] : tx.state().rules()) {
    Rule changed = rule;
    if (drop(changed.wishes.pools)) {
      rules.push_back(std::move(changed));
    }
  }
  for (const auto& [key, pool] : tx.state().pools()) {
    Pool changed = pool;
    if (drop(changed.fallback)) {
      pools.push_back(std::move(changed));
    }
  }
  for (Rule& rule : rules) {
    plan.notes.push_back(fmt::format("rule {} names the pool: it is taken out of it first", rule.name));
    tx.put(std::move(rule));
  }
  for (Pool& pool : pools) {
    plan.notes.push_back(fmt::format("pool {} falls back to it: it is taken out of it first", pool.name));
    tx.put(std::move(pool));
  }
}

// The pool as it would be.
Pool changed_pool(const Pool& there, const PoolChange& change) {
  Pool wanted = there;
  if (!change.ranges.empty()) {
    wanted.ranges = change.ranges;
  }
  wanted.exclusions = change.exclusions;
  for (const net::IpRange& cut : there.exclusions) {
    const bool counts = std::any_of(wanted.ranges.begin(), wanted.ranges.end(),
                                    [&](const net::IpRange& range) { return range.overlaps(cut); });
    const bool said = std::any_of(change.exclusions.begin(), change.exclusions.end(),
                                  [&](const net::IpRange& range) { return range.overlaps(cut); });
    if (counts && !said) {
      wanted.exclusions.push_back(cut);
    }
  }
  return wanted;
}

Result<void> change_pool(Transaction& tx, const Pool& there, const std::optional<PoolChange>& change) {
  if (!change) {
    return remove<Pool>(tx, there.name);
  }
  const auto stored = put(tx, changed_pool(there, *change));
  return stored ? ok() : Result<void>(stored.error());
}

// Takes it all away, as if their owners had gone; what cannot go by itself gets its item.
void clear_the_way(Transaction& tx, const InTheWay& way, Plan& plan) {
  for (const ExtraAddress& extra : way.extras) {
    PlanItem item;
    item.subject = fmt::format("extra address {}", extra.address.str());
    item.from = extra.address;
    item.subnet = extra.subnet;
    item.pool = extra.pool;
    item.error = Error(Errc::in_use, "it does not move by itself",
                       fmt::format("mooringctl delete extra-address {}/{}", extra.network, extra.address.str()));
    plan.items.push_back(std::move(item));
    tx.erase(extra);
  }
  for (const Binding& binding : way.bindings) {
    plan.items.push_back(fixed_item(tx.state(), binding));
    std::optional<Port> live;
    if (const auto port = tx.state().port_of(binding.owner)) {
      live = *port;
    }
    tx.erase(binding);
    if (live) {
      let_go(tx, *live);
    }
  }
  for (const Port& port : way.ports) {
    let_go(tx, port);
  }
  for (const Block& block : way.blocks) {
    PlanItem item;
    item.subject = fmt::format("block {} of node {}", block.id, block.node);
    item.outcome = PlanOutcome::given_back;
    item.node = block.node;
    item.subnet = block.subnet;
    item.pool = block.pool;
    item.because = fmt::format("{}: ask for it back first: mooringctl delete block {}", block.range.str(), block.id);
    plan.items.push_back(std::move(item));
    tx.erase(block);
  }
}

}  // namespace

Result<Plan> plan_drain(Transaction& tx, const std::string& node, const std::vector<std::string>& targets) {
  if (!tx.state().nodes().contains(node)) {
    return Error(Errc::not_found, fmt::format("planning to drain node {}: there is no such node", node),
                 "mooringctl get nodes");
  }
  if (std::find(targets.begin(), targets.end(), node) != targets.end()) {
    return Error(Errc::invalid_argument, fmt::format("planning to drain node {}: it is to go to itself", node),
                 "name other nodes");
  }
  auto others = different_nodes(tx.state(), targets);
  if (!others) {
    return others.error().within(fmt::format("planning to drain node {}", node));
  }
  const std::vector<Port> ports = sorted(tx.state().ports_of_node(node));
  Plan plan;
  PoolCounts counts(tx.state());
  Trial trial(tx, std::move(*others));
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Port& port = ports[i];
    const bool bound = tx.state().bindings().contains(port.owner);
    ipam_api::AllocateRequest request;
    if (bound) {
      request.namespace_ = port.owner.namespace_;
      request.hostname = port.owner.hostname;
      request.interface_ordinal = port.owner.interface_ordinal;
      request.wishes.network = port.owner.network;
      request.wishes.workload = port.workload;
      request.wishes.labels = port.labels;
    } else {
      request = request_like(tx.state(), port, successor_of(port.owner.hostname, i));
      request.node.clear();  // elsewhere
    }
    let_go(tx, port);
    plan.items.push_back(moved(trial, port, request));
    counts.touched(port.pool);
    counts.touched(plan.items.back().pool);
  }
  plan.pools = counts.after(tx.state());
  tx.undo();
  return plan;
}

Result<Plan> plan_pool(Transaction& tx, const std::string& name, const std::optional<PoolChange>& change) {
  const auto found = tx.state().pools().find(name);
  if (found == tx.state().pools().end()) {
    return Error(Errc::not_found, fmt::format("planning for pool {}: there is no such pool", name),
                 "mooringctl get pools");
  }
  const Pool there = found->second;
  Plan plan;
  const auto at_once = change_pool(tx, there, change);
  tx.undo();
  if (!at_once) {
    if (at_once.error().code() != Errc::in_use) {
      return at_once.error();
    }
    plan.now = at_once.error();
  }
  std::vector<net::IpRange> lost = subtract(there.ranges, there.exclusions);
  if (change) {
    const auto whole = completed(tx.state(), changed_pool(there, *change));
    if (!whole) {
      return whole.error();
    }
    lost = subtract(lost, subtract(whole->ranges, whole->exclusions));
  }
  const InTheWay way = in_the_way(tx.state(), there, change, lost);
  std::vector<ipam_api::AllocateRequest> requests;
  for (std::size_t i = 0; i < way.ports.size(); ++i) {
    const Port& port = way.ports[i];
    requests.push_back(request_like(tx.state(), port, successor_of(port.owner.hostname, i)));
  }
  PoolCounts counts(tx.state());
  counts.touched(name);
  clear_the_way(tx, way, plan);
  if (!change) {
    forget_pool(tx, name, plan);
  }
  if (const auto done = change_pool(tx, there, change); !done) {
    return done.error();
  }
  Trial trial(tx, {});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    plan.items.push_back(moved(trial, way.ports[i], requests[i]));
    counts.touched(plan.items.back().pool);
  }
  plan.pools = counts.after(tx.state());
  tx.undo();
  return plan;
}

}  // namespace mooring::controller
