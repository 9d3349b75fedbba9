// Gateway's half that is about bridged mode: what it hands to Bridging, and when it stands for election.
#include <utility>

#include <fmt/format.h>

#include "overlay-gateway/app/gateway.hpp"

namespace mooring::gateway {
namespace {

Bridging::Settings bridging_settings(const Config& config, net::Ipv4Address vtep) {
  Bridging::Settings settings;
  settings.gateway = config.name;
  settings.interface = config.bridge_interface;
  settings.switch_socket = fmt::format("unix:{}/{}.mgmt", config.ovs_rundir, tunnel_bridge);
  settings.vtep = vtep;
  settings.virtual_router = static_cast<std::uint8_t>(config.bridge_vrrp_router);
  return settings;
}

}  // namespace

void Gateway::begin_bridging(const ovs::Post& post) {
  if (!config_.bridge_interface.empty()) {
    bridging_ = std::make_unique<Bridging>(bridging_settings(config_, vtep_), machine_.trunk, post);
  }
}

// Before the flows that name its meters and groups.
void Gateway::plan_bridging() {
  if (!bridging_) {
    return;
  }
  std::vector<net::Ipv4Address> others;
  for (const directory::Gateway& gateway : directory_.gateways_of(config_.network)) {
    if (gateway.vtep != vtep_) {
      others.push_back(gateway.vtep);
    }
  }
  bridging_->plan(plan_.bridged(), std::move(others), *flows_);
}

// Those that came while the directory was read whole are nobody's move.
void Gateway::announce_bridged(const directory::Changes& changes) {
  if (!bridging_ || changes.completeness || !directory_.complete()) {
    return;
  }
  for (const PortKey& key : changes.ports) {
    if (directory_.find(key)) {
      bridging_->announce(key.vni, key.address);
    }
  }
}

void Gateway::look_at_bridging() {
  if (bridging_) {
    settle("bridge", bridging_->ensure(*ovsdb_, directory_.complete()));
    return;
  }
  const auto bridged = bridged_subnets(directory_, config_.network);
  settle("bridge",
         bridged.empty()
             ? ok()
             : Result<void>(
                   Error(Errc::unavailable,
                         fmt::format("bridging subnet {} to VLAN {}: this gateway is not on the segment; what nodes "
                                     "send it for machines there is lost",
                                     bridged.front().name, bridged.front().vlan),
                         "all gateways of the network are to have --bridge-interface")));
}

// Who does not stand says nothing to the segment; others take over, and until they do the switch goes on.
void Gateway::stand_for_election(bool stands) {
  if (stands == stands_) {
    return;
  }
  stands_ = stands;
  standing_decided_ = true;
  plan_.stand_for_election(stands);
  program_->update({FlowPlan::candidacy_group()});
  flows_->reconsider();
}

}  // namespace mooring::gateway
