#include "ipam-controller/app/fsck.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

using ipam_api::InventoryPort;
using ipam_api::JournalMark;
using ipam_api::NodeInventory;

std::string pod_of(const InventoryPort& port) {
  return port.hostname.empty() ? std::string() : port.namespace_ + "/" + port.hostname;
}

class Comparison {
 public:
  Comparison(const State& state, const std::string& node, const NodeInventory& inventory)
      : state_(state),
        node_(node),
        inventory_(inventory),
        in_flight_(inventory.in_flight.begin(), inventory.in_flight.end()) {
    for (const InventoryPort& port : inventory.ports) {
      by_attachment_.emplace(port.attachment, &port);
    }
  }

  std::vector<Difference> run() {
    for (const Port& port : state_.ports_of_node(node_)) {
      const auto has = by_attachment_.find(port.attachment);
      if (!in_flight_.contains(port.attachment)) {
        known_port(port, has == by_attachment_.end() ? nullptr : has->second);
      }
    }
    for (const InventoryPort& port : inventory_.ports) {
      if (!in_flight_.contains(port.attachment) && state_.port_of(node_, port.attachment) == nullptr) {
        unknown_port(port);
      }
    }
    for (const std::string& link : inventory_.stray_links) {
      Difference& found = add("stray-link", fmt::format("the link {} belongs to no port and no ADD", link));
      found.link = link;
      repair(found, Repair::remove_link, "the node removes the link");
    }
    return std::move(differences_);
  }

 private:
  // The controller has it on this node.
  void known_port(const Port& port, const InventoryPort* has) {
    const bool anything = has != nullptr && (has->ovs_port || has->link || (has->delegated && has->netns_alive));
    if (!anything) {
      Difference& found = about(port, "port-not-on-node",
                                has != nullptr && has->journal == JournalMark::releasing
                                    ? "the node has given it up and has not been heard"
                                    : "the node has neither OVS port nor link of it, and no ADD under way");
      repair(found, Repair::release_port, "the controller releases the port");
      return;
    }
    if (has->generation != port.generation) {
      Difference& found =
          about(port, "generation-differs",
                fmt::format("the node has generation {}, the controller {}", has->generation, port.generation));
      repair(found, Repair::none, "recreate the pod: its port is shut");
      return;
    }
    if (has->mac && *has->mac != port.mac) {
      Difference& found = about(port, "mac-differs",
                                fmt::format("the node has MAC {}, the controller {}", has->mac->str(), port.mac.str()));
      repair(found, Repair::none, "recreate the pod");
    }
    // An agent that knew IPv4 only has told one half.
    const auto differs = [&](net::Family family) {
      return has->addresses.of(family) && has->addresses.of(family) != port.addresses.of(family);
    };
    const bool elsewhere = (has->vni && *has->vni != port.vni) || differs(net::Family::v4) || differs(net::Family::v6);
    if (elsewhere) {
      Difference& found =
          about(port, "address-differs",
                fmt::format("the node has {} in VNI {}, the controller {} in VNI {}", has->addresses.str(),
                            has->vni ? has->vni->str() : "?", port.addresses.str(), port.vni.str()));
      repair(found, Repair::none, "recreate the pod");
    }
    if (has->delegated) {
      return;
    }
    if (has->ovs_port && !has->link) {
      Difference& found = about(port, "ovs-port-without-link", "the link is gone, its OVS port is left");
      repair(found, Repair::release_port, "the node removes the OVS port, the controller releases the port");
    } else if (!has->ovs_port) {
      Difference& found = about(port, "link-without-ovs-port", "the link is there, its OVS port is not");
      repair(found, Repair::restore_port, "the node puts the OVS port back");
    }
  }

  // The node has it, the controller has not.
  void unknown_port(const InventoryPort& port) {
    if (port.delegated) {
      Difference& found = about(port, "port-not-in-controller",
                                "another main plugin has its address from here, and the controller has no port of it");
      repair(found, Repair::none, "recreate the pod");
      return;
    }
    if (!port.ovs_port && !port.link) {
      if (port.journal == JournalMark::none || port.journal == JournalMark::adding) {
        Difference& found =
            about(port, "journal-leftover", "an ADD that ended without a word is still in the agent's memory");
        repair(found, Repair::remove_port, "the node forgets it");
      }
      return;  // a release that is owed for what is free already
    }
    const auto holder =
        port.vni && !port.addresses.empty() ? state_.port({*port.vni, port.addresses.primary()}) : Found<Port>();
    const char* what = port.ovs_port && port.link ? "it is there"
                       : port.ovs_port            ? "its OVS port is there"
                                                  : "its link is there";
    const std::string goes_on = port.netns_alive ? "; its container goes on without a network" : "";
    const Repair how = port.ovs_port ? Repair::remove_port : Repair::none;
    const std::string advice = port.ovs_port ? "the node removes the OVS port" + goes_on : "delete the pod";
    if (holder != nullptr) {
      Difference& found = about(port, "address-is-elsewhere",
                                fmt::format("{}, and the address is {} on node {} since generation {}", what,
                                            holder->owner.str(), holder->node, holder->generation));
      repair(found, how, advice);
    } else {
      Difference& found =
          about(port, "port-not-in-controller", fmt::format("{}, and the controller has no port of it", what));
      repair(found, how, advice);
    }
  }

  Difference& add(std::string kind, std::string detail) {
    Difference& found = differences_.emplace_back();
    found.kind = std::move(kind);
    found.node = node_;
    found.detail = std::move(detail);
    return found;
  }
  Difference& about(const Port& port, std::string kind, std::string detail) {
    Difference& found = add(std::move(kind), std::move(detail));
    found.pod = port.owner.namespace_ + "/" + port.owner.hostname;
    found.address = port.addresses.str();
    found.attachment = port.attachment;
    found.generation = port.generation;
    return found;
  }
  Difference& about(const InventoryPort& port, std::string kind, std::string detail) {
    Difference& found = add(std::move(kind), std::move(detail));
    found.pod = pod_of(port);
    found.address = port.addresses.str();
    found.attachment = port.attachment;
    found.generation = port.generation;
    return found;
  }
  static void repair(Difference& found, Repair how, std::string advice) {
    found.repair = how;
    found.advice = std::move(advice);
  }

  const State& state_;
  const std::string& node_;
  const NodeInventory& inventory_;
  std::set<Attachment> in_flight_;
  std::map<Attachment, const InventoryPort*> by_attachment_;
  std::vector<Difference> differences_;
};

}  // namespace

std::string to_string(Repair repair) {
  switch (repair) {
    case Repair::none:
      return "none";
    case Repair::release_port:
      return "release-port";
    case Repair::remove_port:
      return "remove-port";
    case Repair::restore_port:
      return "restore-port";
    case Repair::remove_link:
      return "remove-link";
  }
  return "none";
}

bool Difference::same_as(const Difference& other) const {
  return std::tie(kind, node, attachment, address, link, generation) ==
         std::tie(other.kind, other.node, other.attachment, other.address, other.link, other.generation);
}

void sort(std::vector<Difference>& differences) {
  std::sort(differences.begin(), differences.end(), [](const Difference& a, const Difference& b) {
    return std::tie(a.node, a.pod, a.address, a.kind, a.link) < std::tie(b.node, b.pod, b.address, b.kind, b.link);
  });
}

std::vector<Difference> compare(const State& state, const std::string& node, const NodeInventory& inventory) {
  return Comparison(state, node, inventory).run();
}

std::vector<Difference> compare_bindings(const State& state) {
  std::vector<Difference> differences;
  for (const auto& [owner, binding] : state.bindings()) {
    const Subnet* subnet = state.subnet(binding.subnet);
    for (const net::IpAddress& address : binding.addresses.all()) {
      const auto port = subnet == nullptr ? Found<Port>() : state.port({subnet->vni, address});
      if (port == nullptr || port->owner == owner) {
        continue;
      }
      Difference& found = differences.emplace_back();
      found.kind = "bound-to-another";
      found.node = port->node;
      found.pod = owner.namespace_ + "/" + owner.hostname;
      found.address = address.str();
      found.generation = port->generation;
      found.detail = fmt::format("it is bound to {}, and live with {}", owner.str(), port->owner.str());
      found.advice = fmt::format("delete the pod {}, or the binding", port->owner.str());
    }
  }
  return differences;
}

std::vector<Difference> seen_twice(const std::vector<Difference>& before, std::vector<Difference> now) {
  std::erase_if(now, [&](const Difference& found) {
    return std::none_of(before.begin(), before.end(), [&](const Difference& other) { return found.same_as(other); });
  });
  return now;
}

}  // namespace mooring::controller
