// What nodes have sent here because they had no flow for it, by the subnet that it is for.
#include "overlay-gateway/app/gateway.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {

metrics::FlowMeaning Gateway::meaning_for_relay(const ovs::Flow& flow) {
  const bool counts = flow.key.table == table::relayed && owner_of(flow.cookie) == FlowOwner::layout;
  const auto vni = counts ? net::Vni::from(generation_of(flow.cookie)) : net::Vni::from(0);
  const directory::Subnet* subnet = vni ? directory_.subnet_of(*vni) : nullptr;
  if (subnet == nullptr) {
    return {};
  }
  return {metrics::FlowMeaning::Kind::forward, *subnets_met_.insert(subnet->name).first};
}

void Gateway::expose_relayed(metrics::Exposition& out) const {
  out.counter("mooring_gateway_relayed_packets_total",
              "Packets of containers that came here to be relayed, by the "
              "subnet that they are for");
  for (const auto& [subnet, count] : relay_tally_.forwarded()) {
    out.sample(count.packets, {{"subnet", subnet}});
  }
}

}  // namespace mooring::gateway
