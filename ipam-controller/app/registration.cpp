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
  tx.put(std::move(wanted));
  return tx.revision();
}

}  // namespace

Result<Revision> register_node(Transaction& tx, const std::string& name, const ipam_api::Registration& registration) {
  const Node* there = tx.state().node(name);
  if (there != nullptr && there->fenced) {
    return Error(Errc::superseded,
                 fmt::format("registering node {}: it is fenced, it was deleted while it could not be heard", name),
                 fmt::format("if this machine is to serve again: mooringctl node unfence {}", name));
  }
  Node node{name,
            registration.machine_id,
            registration.vtep,
            registration.version,
            registration.zone,
            registration.labels,
            false,
            0};
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
  const auto ports = tx.state().ports_of_node(name);
  if (!ports.empty() && (!force || ports.size() > most_ports_released_at_once)) {
    return Error(Errc::in_use,
                 fmt::format("{}: it has {} live port{}, the first is {} of {}", doing, ports.size(),
                             ports.size() == 1 ? "" : "s", ports[0].id, ports[0].owner.str()),
                 force ? fmt::format("more than {} ports: delete pods first", most_ports_released_at_once)
                       : "delete its pods first; if the machine is gone for good: --force releases them");
  }
  for (const Port& port : ports) {
    let_go(tx, port);
  }
  const auto blocks = tx.state().blocks_of_node(name);
  if (!blocks.empty() && !force) {
    return Error(Errc::in_use,
                 fmt::format("{}: {} addresses are leased to it ({})", doing, blocks.front()->range.size(),
                             blocks.front()->range.str()),
                 "let it give them back; if the machine is gone for good: --force");
  }
  for (const Block* block : blocks) {
    tx.erase(Block(*block));
  }
  tx.erase(Node(*node));
  return ok();
}

Result<void> delete_gateway(Transaction& tx, const std::string& name) {
  const Gateway* gateway = tx.state().gateway(name);
  if (gateway == nullptr) {
    return Error(Errc::not_found, fmt::format("deleting gateway {}: there is no such gateway", name),
                 "mooringctl get gateways");
  }
  tx.erase(Gateway(*gateway));
  return ok();
}

}  // namespace mooring::controller
