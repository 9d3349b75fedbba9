#include "ipam-controller/app/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/app/planning.hpp"
#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/patterns.hpp"
#include "ipam-controller/domain/selection.hpp"

namespace mooring::controller {
namespace {

// One node of each kind on which they may run.
Result<std::vector<std::string>> places_of(const State& state, const ReplicasRequest& request) {
  const bool any = request.nodes.empty();
  auto nodes = different_nodes(state, any ? nodes_in_service(state) : request.nodes);
  if (!nodes) {
    return nodes.error();
  }
  if (nodes->empty()) {
    return Error(Errc::conflict, "there is no node: a pod gets its addresses on one",
                 "mooring-agent registers its node when it starts: mooringctl get nodes");
  }
  return nodes;
}

Result<void> check_request(const ReplicasRequest& request) {
  if (request.replicas == 0 || request.replicas > ReplicasRequest::most || request.first > 1'000'000) {
    return Error(Errc::invalid_argument,
                 fmt::format("planning {} replicas of {}/{} from ordinal {}", request.replicas, request.namespace_,
                             request.workload, request.first),
                 fmt::format("1 to {} replicas, from 0 to 1000000", ReplicasRequest::most));
  }
  if (!request.wishes.addresses.empty() || request.wishes.mac) {
    return Error(Errc::invalid_argument, "planning replicas with a wish for an address or MAC",
                 "these are of one pod: see mooringctl create binding");
  }
  return ok();
}

ipam_api::AllocateRequest request_of(const ReplicasRequest& request, const std::string& hostname) {
  ipam_api::AllocateRequest one;
  one.namespace_ = request.namespace_;
  one.hostname = hostname;
  one.interface_ordinal = request.interface_ordinal;
  one.wishes = request.wishes;
  one.configured = request.configured;
  return one;
}

// Wishes for what is not there are a wrong question, not a plan that does not fit.
Result<void> check_wishes(const State& state, const ipam_api::AllocateRequest& one) {
  if (const auto scope = scope_of(state, one, one.wishes); !scope) {
    return scope.error();
  }
  return ok();
}

void add_notes(const State& state, Plan& plan) {
  std::set<std::string> named;
  bool stateless = false;
  for (const PlanItem& item : plan.items) {
    const auto pool = state.pools().find(item.pool);
    if (item.outcome == PlanOutcome::fresh && pool != state.pools().end() &&
        pool->second.strategy == Strategy::random && named.insert(item.pool).second) {
      plan.notes.push_back(fmt::format(
          "pool {} gives addresses at random: later ones may be others unless they are reserved", item.pool));
    }
    stateless = stateless || (item.outcome == PlanOutcome::fresh && item.kind == Kind::stateless);
  }
  if (stateless && plan.reserved == 0) {
    plan.notes.push_back("stateless pods do not keep their addresses: these are what they would get now");
  }
}

// The binding that a pod of that plan needs.
NewBinding binding_for(const State& state, const PlanItem& item, const Grant& grant) {
  NewBinding binding;
  binding.owner = *item.owner;
  binding.pool = item.pool;
  binding.addresses = item.addresses;
  binding.mac = item.mac;
  binding.kind = Kind::stateful;
  binding.origin = Origin::plan;
  const auto pool = state.pools().find(item.pool);
  binding.retention = grant.new_binding ? grant.new_binding->retention
                      : pool != state.pools().end() && pool->second.retention
                          ? *pool->second.retention
                          : Retention{Retention::Policy::with_workload, 0};
  binding.workload = grant.port.workload;
  binding.labels = grant.port.labels;
  return binding;
}

Result<void> reserve_all(Transaction& tx, const ReplicasRequest& request, Plan& plan) {
  for (PlanItem& item : plan.items) {
    if (tx.state().bindings().contains(*item.owner)) {
      continue;
    }
    auto one = request_of(request, item.owner->hostname);
    one.node = item.node;
    one.attachment = {"plan-reserve", "eth0"};
    Explanation silent(false);
    const auto grant = decide(tx.state(), one, tx.now(), silent);
    if (!grant) {
      return grant.error();
    }
    const auto made = create_binding(tx, binding_for(tx.state(), item, *grant));
    if (!made) {
      return made.error();
    }
    item.kind = made->kind;
    item.because = fmt::format("{} binding, {}", to_string(made->kind), made->retention.str());
    ++plan.reserved;
  }
  return ok();
}

Plan tried(Transaction& tx, const std::vector<std::string>& nodes,
           const std::vector<ipam_api::AllocateRequest>& requests) {
  Plan plan;
  PoolCounts counts(tx.state());
  Trial trial(tx, nodes);
  for (const ipam_api::AllocateRequest& one : requests) {
    PlanItem item = trial.add(one);
    counts.touched(item.pool);
    if (item.outcome == PlanOutcome::bound) {
      item.node.clear();  // it is on none, and would have them on any
    }
    plan.items.push_back(std::move(item));
  }
  if (trial.depends_on_node()) {
    plan.notes.push_back(
        "it depends on the node, by selectors: each pod was planned on the first node that has an address for it "
        "(--node says where they run)");
  }
  plan.pools = counts.after(tx.state());
  tx.undo();
  return plan;
}

// The live pods of a workload, newest first.
std::vector<Port> pods_of(const State& state, const ReplicasRequest& request) {
  std::vector<Port> pods;
  state.ports().each([&](const PackedPort& packed) {
    const Port port = state.ports().unpack(packed);
    const bool same_network = request.wishes.network.empty() || port.owner.network == request.wishes.network;
    if (same_network && port.owner.namespace_ == request.namespace_ &&
        port.owner.interface_ordinal == request.interface_ordinal &&
        (port.workload.empty() ? workload_of(port.owner.hostname) : port.workload) == request.workload) {
      pods.push_back(port);
    }
  });
  std::sort(pods.begin(), pods.end(), [](const Port& a, const Port& b) { return a.generation > b.generation; });
  return pods;
}

bool has_ordinal_bindings(const State& state, const ReplicasRequest& request) {
  return std::any_of(state.bindings().begin(), state.bindings().end(), [&](const auto& entry) {
    const BindingKey& owner = entry.first;
    return owner.namespace_ == request.namespace_ && has_ordinal(owner.hostname) &&
           workload_of(owner.hostname) == request.workload;
  });
}

// A new pod of a Deployment: like the live ones where the request leaves it open.
ipam_api::AllocateRequest another(const State& state, const ReplicasRequest& request, const Port* model,
                                  std::size_t index) {
  const std::string hostname =
      successor_of(model != nullptr ? model->owner.hostname : request.workload + "-xxxxx", index);
  auto one = request_of(request, hostname);
  if (model != nullptr && request.wishes == ipam_api::Wishes() && request.configured == ipam_api::Wishes()) {
    one = request_like(state, *model, hostname);
  }
  one.node.clear();  // on any
  if (one.wishes.workload.empty()) {
    one.wishes.workload = request.workload;
  }
  return one;
}

}  // namespace

std::string to_string(PlanOutcome outcome) {
  switch (outcome) {
    case PlanOutcome::bound:
      return "bound";
    case PlanOutcome::live:
      return "live";
    case PlanOutcome::fresh:
      return "new";
    case PlanOutcome::keeps:
      return "keeps";
    case PlanOutcome::moves:
      return "moves";
    case PlanOutcome::given_back:
      return "given-back";
    case PlanOutcome::refused:
      break;
  }
  return "refused";
}

bool Plan::fits() const {
  return std::all_of(items.begin(), items.end(),
                     [](const PlanItem& item) { return item.outcome != PlanOutcome::refused; });
}

Result<Plan> plan_statefulset(Transaction& tx, const ReplicasRequest& request, bool reserve) {
  if (const auto sound = check_request(request); !sound) {
    return sound.error();
  }
  const auto places = places_of(tx.state(), request);
  if (!places) {
    return places.error();
  }
  std::vector<ipam_api::AllocateRequest> pods;
  for (std::uint64_t i = 0; i < request.replicas; ++i) {
    pods.push_back(request_of(request, fmt::format("{}-{}", request.workload, request.first + i)));
  }
  if (const auto sound = check_wishes(tx.state(), pods.front()); !sound) {
    return sound.error();
  }
  Plan plan = tried(tx, *places, pods);
  if (reserve && plan.fits()) {
    if (const auto made = reserve_all(tx, request, plan); !made) {
      return made.error().within("reserving");
    }
  }
  add_notes(tx.state(), plan);
  return plan;
}

Result<Plan> plan_scale(Transaction& tx, const ReplicasRequest& request) {
  if (const auto sound = check_request(request); !sound) {
    return sound.error();
  }
  const std::vector<Port> live = pods_of(tx.state(), request);
  const bool ordinals =
      std::any_of(live.begin(), live.end(), [](const Port& port) { return has_ordinal(port.owner.hostname); });
  if (ordinals || (live.empty() && has_ordinal_bindings(tx.state(), request))) {
    return plan_statefulset(tx, request, false);
  }
  const auto places = places_of(tx.state(), request);
  if (!places) {
    return places.error();
  }
  std::vector<ipam_api::AllocateRequest> pods;
  for (std::size_t i = live.size(); i < request.replicas; ++i) {
    pods.push_back(another(tx.state(), request, live.empty() ? nullptr : &live.front(), i));
  }
  if (!pods.empty()) {
    if (const auto sound = check_wishes(tx.state(), pods.front()); !sound) {
      return sound.error();
    }
  }
  Plan plan = tried(tx, *places, pods);
  plan.notes.push_back(fmt::format("{}/{} has {} live pod{} now: {} more", request.namespace_, request.workload,
                                   live.size(), live.size() == 1 ? "" : "s", pods.size()));
  add_notes(tx.state(), plan);
  return plan;
}

}  // namespace mooring::controller
