#include "ipam-controller/app/given.hpp"

#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

using ipam_api::GivenReport;

std::string pod_of(const GivenReport& report) {
  return report.request.namespace_ + "/" + report.request.hostname;
}

// The addresses were the hostname's, on this node, and the controller was not told that they were let go.
Result<void> check_passed_on(const State& state, const GivenReport& report) {
  const auto before = state.port_of(report.request.node, *report.in_place_of);
  const bool same = before && before->generation == report.generation && before->addresses == report.addresses &&
                    before->vni == report.vni && before->owner.namespace_ == report.request.namespace_ &&
                    before->owner.hostname == report.request.hostname;
  if (same) {
    return ok();
  }
  const auto now = state.port({report.vni, report.addresses.primary()});
  return Error(Errc::superseded,
               fmt::format("{} was passed on from attachment {} with generation {}, and {}", report.addresses.str(),
                           report.in_place_of->str(), report.generation,
                           now ? fmt::format("{} on node {} has it now with generation {}", now->owner.str(), now->node,
                                             now->generation)
                               : std::string("that port is gone")),
               "delete the pod: it comes back with an address");
}

// They are of a block that the node has, and nobody's.
Result<void> check_of_block(const State& state, const GivenReport& report) {
  for (const net::IpAddress address : report.addresses.all()) {
    const Block* block = state.block_at({report.vni, address});
    if (block == nullptr || block->node != report.request.node) {
      return Error(Errc::conflict,
                   fmt::format("{} is in no block of node {}{}", address.str(), report.request.node,
                               block == nullptr ? "" : fmt::format(", but in {} of node {}", block->id, block->node)),
                   "the block was taken away (mooringctl history says by whom): delete the pod");
    }
  }
  return ok();
}

// The node was not answered in time, and has helped itself meanwhile: what it did not hear of was never in use.
void drop_unheard(Transaction& tx, const GivenReport& report) {
  const auto unheard = tx.state().port_of(report.request.node, report.request.attachment);
  if (unheard && unheard->addresses != report.addresses && unheard->state == PortState::pending) {
    let_go(tx, Port(*unheard));
  }
}

Result<ipam_api::Allocation> accept(Transaction& tx, const GivenReport& report) {
  drop_unheard(tx, report);
  ipam_api::AllocateRequest request = report.request;
  const bool known = tx.state().port_of(request.node, request.attachment) != nullptr;
  if (!known) {
    const auto fits = report.in_place_of ? check_passed_on(tx.state(), report) : check_of_block(tx.state(), report);
    if (!fits) {
      return fits.error();
    }
  }
  if (!report.in_place_of) {
    request.wishes = ipam_api::Wishes{};
    request.configured = ipam_api::Wishes{};
    request.wishes.network = tx.state().subnet_by_vni(report.vni)->network;
    request.wishes.addresses = report.addresses;
    request.wishes.kind = Kind::stateless;
    request.wishes.workload = report.request.wishes.workload;
    request.wishes.labels = report.request.wishes.labels;
    // It is in use already: that it should have rested helps nobody now.
    for (const net::IpAddress address : report.addresses.all()) {
      if (const Resting* resting = tx.state().resting({report.vni, address})) {
        tx.erase(Resting(*resting));
      }
    }
  }
  auto allocation = allocate(tx, request);
  if (!allocation) {
    return allocation;
  }
  const auto port = tx.state().port_of(request.node, request.attachment);
  if (port->addresses != report.addresses || port->vni != report.vni || port->mac != report.mac) {
    return Error(Errc::conflict,
                 fmt::format("it has {} with MAC {}, and should have {} with MAC {}", report.addresses.str(),
                             report.mac.str(), port->addresses.str(), port->mac.str()),
                 "delete the pod: it comes back with its address");
  }
  const auto confirmed = confirm(tx, {request.node, request.attachment, port->generation});
  return confirmed ? allocation : Result<ipam_api::Allocation>(confirmed.error());
}

}  // namespace

Result<ipam_api::Allocation> accept_given(Transaction& tx, const GivenReport& report) {
  const std::string doing = fmt::format("taking over {} of {}, which node {} gave by itself", report.addresses.str(),
                                        pod_of(report), report.request.node);
  if (tx.state().subnet_by_vni(report.vni) == nullptr) {
    return Error(Errc::not_found, fmt::format("{}: there is no subnet with VNI {}", doing, report.vni.value()),
                 "mooringctl get subnets");
  }
  auto accepted = accept(tx, report);
  return accepted ? accepted : accepted.error().within(doing);
}

EventRecord given_refused_event(const GivenReport& report, const Error& refusal) {
  return make_event("address.refused", "node/" + report.request.node, refusal.message(),
                    ipam_api::Json{{"addresses", report.addresses.str()},
                                   {"node", report.request.node},
                                   {"pod", pod_of(report)},
                                   {"attachment", report.request.attachment.str()}});
}

}  // namespace mooring::controller
