#include "ipam-controller/app/restoration.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

// Somebody may have seen a revision that no node that reported has: a gateway, a node that is left out.
constexpr Revision margin = 1'000'000;
// No store has counted so far: such a node would take the counter to its end.
constexpr Revision highest_believed = Revision{1} << 62;
constexpr std::size_t names_shown = 10;
constexpr const char* way_out =
    "mooringctl restore status; a node that will not come back: mooringctl restore finish --without NODE";

std::string names_text(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), names_shown);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return shown == names.size() ? text : fmt::format("{} and {} more", text, names.size() - shown);
}

std::vector<std::string> missing_nodes(const State& state, const NodeInventories& inventories,
                                       const std::set<std::string>& without) {
  std::vector<std::string> missing;
  for (const auto& [name, node] : state.nodes()) {
    const auto said = inventories.find(name);
    const bool complete = said != inventories.end() && said->second.complete;
    if (!node.fenced && !complete && !without.contains(name)) {
      missing.push_back(name);
    }
  }
  return missing;
}

Error missing_error(const std::vector<std::string>& missing) {
  return Error(Errc::unavailable,
               fmt::format("the store was made from a backup, and {} of its nodes {} not said yet what {}: {}",
                           missing.size(), missing.size() == 1 ? "has" : "have",
                           missing.size() == 1 ? "it holds" : "they hold", names_text(missing)),
               way_out);
}

Error loss_error(const Adoption& adoption) {
  std::vector<std::string> losses;
  for (const LeftOut& left : adoption.left_out) {
    if (!left.harmless) {
      losses.push_back(fmt::format("{} on node {} ({})", left.attachment, left.node, left.text));
    }
  }
  return Error(Errc::unavailable,
               fmt::format("the store was made from a backup, and {} live port{} cannot be taken over: {}",
                           losses.size(), losses.size() == 1 ? "" : "s", names_text(losses)),
               "delete those pods, or: mooringctl restore finish --leave-out");
}

void tell_finished(Transaction& tx, const Adoption& adoption, const std::set<std::string>& without) {
  const std::vector<std::string> names(without.begin(), without.end());
  const std::string text = fmt::format(
      "the store that was made from a backup is whole: {} ports as it has them, {} taken over, {} left out{}",
      adoption.known, adoption.adopted, adoption.left_out.size(),
      names.empty() ? std::string() : "; without " + names_text(names));
  tx.tell(make_event("restore.finished", "store", text,
                     ipam_api::Json{{"known", adoption.known},
                                    {"adopted", adoption.adopted},
                                    {"left_out", adoption.left_out.size()},
                                    {"without", names}}));
}

bool loses(const Adoption& adoption) {
  return std::any_of(adoption.left_out.begin(), adoption.left_out.end(),
                     [](const LeftOut& left) { return !left.harmless; });
}

}  // namespace

Restoration::Restoration(Ipam& ipam) : ipam_(ipam), self_(std::make_shared<Restoration*>(this)) {
  if (ipam_.restoring()) {
    try_to_finish();
  }
}

void Restoration::heard(const std::string& node, ipam_api::NodeInventory inventory) {
  if (!ipam_.restoring()) {
    return;
  }
  if (highest_seen({{node, inventory}}) > highest_believed) {
    inventory = ipam_api::NodeInventory();  // not complete: it is waited for
  }
  inventories_[node] = std::move(inventory);
  try_to_finish();
}

void Restoration::try_to_finish() {
  const Caller caller{{Actor::Kind::system, "restore", ""}, "all nodes have reported", false, std::nullopt};
  finish(caller, Order(), [weak = std::weak_ptr<Restoration*>(self_)](Result<Outcome> outcome) {
    const auto self = weak.lock();
    if (self && !outcome && outcome.error().code() == Errc::unavailable && (*self)->ipam_.restoring()) {
      (*self)->ipam_.explain_restoring(outcome.error());
    }
  });
}

void Restoration::status(Callback<Status> done) {
  const Caller caller{{Actor::Kind::system, "restore", ""}, "", true, std::nullopt};
  if (!ipam_.restoring()) {
    ipam_.read([done = std::move(done)](const State&, Revision) { done(Status()); });
    return;
  }
  ipam_.finish_restoring<Status>(
      caller, highest_seen(inventories_) + margin,
      [this](Transaction& tx) -> Result<Status> {
        Status status;
        status.restoring = true;
        for (const auto& [name, node] : tx.state().nodes()) {
          if (node.fenced) {
            continue;
          }
          NodeStatus& shown = status.nodes.emplace_back();
          shown.name = name;
          if (const auto said = inventories_.find(name); said != inventories_.end()) {
            shown.heard = said->second.complete ? NodeStatus::Heard::complete : NodeStatus::Heard::incomplete;
            shown.ports = said->second.ports.size();
          }
        }
        status.adoption = adopt(tx, inventories_);
        return status;
      },
      std::move(done));
}

void Restoration::finish(Caller caller, Order order, Callback<Outcome> done) {
  if (!ipam_.restoring()) {
    ipam_.read([done = std::move(done)](const State&, Revision) {
      done(Error(Errc::conflict, "finishing a restore: the store is not restoring"));
    });
    return;
  }
  ipam_.finish_restoring<Outcome>(
      std::move(caller), highest_seen(inventories_) + margin,
      [this, order = std::move(order)](Transaction& tx) -> Result<Outcome> {
        for (const std::string& name : order.without) {
          if (tx.state().node(name) == nullptr) {
            return Error(Errc::not_found,
                         fmt::format("finishing the restore without node {}: there is no such node", name),
                         "mooringctl get nodes");
          }
        }
        if (const auto missing = missing_nodes(tx.state(), inventories_, order.without); !missing.empty()) {
          return missing_error(missing);
        }
        Outcome outcome;
        outcome.adoption = adopt(tx, inventories_);
        outcome.revision = tx.revision();
        if (!order.leave_out && loses(outcome.adoption)) {
          return loss_error(outcome.adoption);
        }
        tell_finished(tx, outcome.adoption, order.without);
        return outcome;
      },
      std::move(done));
}

}  // namespace mooring::controller
