// Nodes and gateways come and go.
#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

// One transaction is one line of the watch stream (1 MiB): a tombstone takes some 130 bytes.
constexpr std::size_t most_ports_released_at_once = 5000;

template <class T>
Result<Revision> write_registration(Transaction& tx, T wanted, const T* there, std::string_view kind) {
  if (auto fits = check_registration(tx.state(), wanted); !fits) {
    return fits.error().within(fmt::format("registering {} {}", kind, wanted.name));
  }
  if (there != nullptr) {
    wanted.revision = there->revision;
    if (wanted == *there) {
      return there->revision;
    }
  }
  tx.tell(make_event(std::string(kind) + ".registered", fmt::format("{}/{}", kind, wanted.name),
                     fmt::format("{} {} registered{}: version {}, tunnel address {}", kind, wanted.name,
                                 there == nullptr ? "" : " anew", wanted.version, wanted.vtep.str()),
                     {{"machine_id", wanted.machine_id}, {"vtep", wanted.vtep.str()}, {"version", wanted.version}}));
  tx.put(std::move(wanted));
  return tx.revision();
}

// The tombstone that a machine has under whatever name.
const Node* fenced_machine(const State& state, const std::string& machine_id) {
  for (const auto& [name, node] : state.nodes()) {
    if (node.fenced && node.machine_id == machine_id) {
      return &node;
    }
  }
  return nullptr;
}

Result<void> let_go_of_all(Transaction& tx, const std::string& name, const std::string& doing) {
  const auto ports = tx.state().ports_of_node(name);
  if (ports.size() > most_ports_released_at_once) {
    return Error(Errc::in_use, fmt::format("{}: it has {} live ports", doing, ports.size()),
                 fmt::format("more than {} ports: delete pods first", most_ports_released_at_once));
  }
  for (const Port& port : ports) {
    let_go(tx, port);
  }
  for (const Block* block : tx.state().blocks_of_node(name)) {
    tx.erase(Block(*block));
  }
  return ok();
}

}  // namespace

Result<void> fence_node(Transaction& tx, const std::string& name) {
  const std::string doing = fmt::format("fencing node {}", name);
  const Node* node = tx.state().node(name);
  if (node == nullptr) {
    return Error(Errc::not_found, doing + ": there is no such node", "mooringctl get nodes");
  }
  if (node->fenced) {
    return ok();
  }
  Node fenced = *node;
  fenced.fenced = true;
  if (const auto gone = let_go_of_all(tx, name, doing); !gone) {
    return gone;
  }
  tx.put(std::move(fenced));
  return ok();
}

Result<void> unfence_node(Transaction& tx, const std::string& name) {
  const std::string doing = fmt::format("unfencing node {}", name);
  const Node* node = tx.state().node(name);
  if (node == nullptr || !node->fenced) {
    return Error(Errc::not_found, doing + (node == nullptr ? ": there is no such node" : ": it is not fenced"),
                 "mooringctl get nodes");
  }
  tx.erase(Node(*node));
  return ok();
}

Result<Revision> register_node(Transaction& tx, const std::string& name, const ipam_api::Registration& registration) {
  if (const Node* fenced = fenced_machine(tx.state(), registration.machine_id)) {
    return Error(Errc::superseded,
                 fmt::format("registering node {}: the machine {} is fenced: it was deleted as node {} while it could "
                             "not be heard",
                             name, registration.machine_id, fenced->name),
                 fmt::format("if this machine is to serve again: mooringctl node unfence {}", fenced->name));
  }
  const Node* there = tx.state().node(name);
  if (there != nullptr && there->fenced) {  // a new machine takes the name
    tx.erase(Node(*there));
    there = nullptr;
  }
  Node node{name,
            registration.machine_id,
            registration.vtep,
            registration.version,
            registration.zone,
            registration.labels,
            false,
            0,
            registration.boot_id,
            0};
  const bool same_boot = there != nullptr && there->boot_id == node.boot_id;
  node.boot_revision = node.boot_id.empty() ? 0 : same_boot ? there->boot_revision : tx.revision();
  return write_registration(tx, std::move(node), there, "node");
}

Result<Revision> register_gateway(Transaction& tx, const std::string& name,
                                  const ipam_api::Registration& registration) {
  Gateway gateway{name,
                  registration.machine_id,
                  registration.vtep,
                  registration.version,
                  registration.network.empty() ? default_network : registration.network,
                  0};
  return write_registration(tx, std::move(gateway), tx.state().gateway(name), "gateway");
}

Result<void> delete_node(Transaction& tx, const std::string& name, bool force) {
  const std::string doing = fmt::format("deleting node {}", name);
  const Node* node = tx.state().node(name);
  if (node == nullptr) {
    return Error(Errc::not_found, doing + ": there is no such node", "mooringctl get nodes");
  }
  if (auto match = check_match(tx, node->revision, "node " + name); !match) {
    return match;
  }
  const auto ports = tx.state().ports_of_node(name);
  if (!ports.empty() && !force) {
    return Error(Errc::in_use,
                 fmt::format("{}: it has {} live port{}, the first is {} of {}", doing, ports.size(),
                             ports.size() == 1 ? "" : "s", ports[0].id, ports[0].owner.str()),
                 "delete its pods first; if the machine is gone for good: --fence releases them");
  }
  const auto blocks = tx.state().blocks_of_node(name);
  if (!blocks.empty() && !force) {
    return Error(Errc::in_use,
                 fmt::format("{}: {} addresses are leased to it ({})", doing, blocks.front()->range.size(),
                             blocks.front()->range.str()),
                 "let it give them back; if the machine is gone for good: --fence");
  }
  if (const auto gone = let_go_of_all(tx, name, doing); !gone) {
    return gone;
  }
  tx.tell(make_event("node.deleted", "node/" + name,
                     fmt::format("node {} was deleted, {} of its ports released", name, ports.size()),
                     {{"released_ports", ports.size()}}));
  tx.erase(Node(*node));
  return ok();
}

Result<void> delete_gateway(Transaction& tx, const std::string& name) {
  const Gateway* gateway = tx.state().gateway(name);
  if (gateway == nullptr) {
    return Error(Errc::not_found, fmt::format("deleting gateway {}: there is no such gateway", name),
                 "mooringctl get gateways");
  }
  if (auto match = check_match(tx, gateway->revision, "gateway " + name); !match) {
    return match;
  }
  tx.tell(make_event("gateway.deleted", "gateway/" + name, fmt::format("gateway {} was deleted", name)));
  tx.erase(Gateway(*gateway));
  return ok();
}

}  // namespace mooring::controller
