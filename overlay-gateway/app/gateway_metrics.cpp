// What a gateway tells of itself: its status, and its metrics (docs/observability/README.md lists them). Bounded:
// bridges, tables and reasons are fixed.
#include <memory>

#include "mooring/metrics/exposition.hpp"
#include "overlay-gateway/app/gateway.hpp"

namespace mooring::gateway {
namespace {

std::uint64_t flag(bool value) {
  return value ? 1 : 0;
}

}  // namespace

void Gateway::collect_metrics(std::function<void(std::string)> done) {
  auto finish = [this, done = std::move(done)] { done(metrics_text()); };
  if (switch_watch_) {
    switch_watch_->refresh(std::move(finish));
  } else {
    finish();
  }
}

std::string Gateway::metrics_text() const {
  metrics::Exposition out;
  const directory::WatchStatus watch = watch_ ? watch_->status() : directory::WatchStatus();
  const ovs::FlowSync::Counters flows = flows_ ? flows_->counters() : ovs::FlowSync::Counters();
  const std::string vtep = vtep_.str();
  out.gauge("mooring_build_info", "The program's version").sample(1.0, {{"version", MOORING_VERSION}});
  out.gauge("mooring_gateway_info", "The gateway, its network, and what its bridge runs on")
      .sample(1.0, {{"gateway", config_.name},
                    {"network", config_.network},
                    {"vtep", vtep},
                    {"datapath", datapath_ ? underlay::to_string(*datapath_) : ""}});
  out.gauge("mooring_gateway_ready", "1: switch and kernel are as they should be")
      .sample(flag(ready_ && problems_.empty()));
  out.gauge("mooring_gateway_problems", "What is wrong now: /v1/status of the gateway's socket has the texts")
      .sample(static_cast<std::uint64_t>(problems_.size()));
  out.gauge("mooring_gateway_state", "1: what it does with traffic");
  for (const std::string_view state : {"serving", "draining", "drained", "not-ready"}) {
    out.sample(flag(state == service_state()), {{"state", state}});
  }
  out.gauge("mooring_gateway_routes", "Overlay routes in the kernel")
      .sample(static_cast<std::uint64_t>(foot_plan_.routes.size()));
  if (sentinel_) {
    out.counter("mooring_gateway_address_claims_total", "Claims of overlay addresses heard on the physical network")
        .sample(sentinel_->heard());
  }
  if (announcer_) {
    out.gauge("mooring_gateway_bgp_neighbor_up", "1: the session with this physical router is established");
    for (const Announcer::Neighbor& neighbor : announcer_->neighbors()) {
      out.sample(flag(neighbor.up()), {{"neighbor", neighbor.address}});
    }
    out.gauge("mooring_gateway_bgp_announced", "Subnets that bgpd is told to announce")
        .sample(static_cast<std::uint64_t>(announcer_->announced().size()));
  }
  if (bridging_) {
    bridging_->collect(out);
  }
  if (switch_watch_) {
    const metrics::FlowTally& tally = switch_watch_->tally();
    out.counter("mooring_dropped_packets_total", "Packets that flows dropped, by reason");
    for (const auto& [reason, count] : tally.drops()) {
      out.sample(count.packets, {{"bridge", tunnel_bridge}, {"reason", reason}});
    }
    out.counter("mooring_gateway_packets_total", "Packets sent on, by where to");
    for (const auto& [to, count] : tally.forwarded()) {
      out.sample(count.packets, {{"path", to}});
    }
    out.counter("mooring_gateway_bytes_total", "Bytes sent on, by where to");
    for (const auto& [to, count] : tally.forwarded()) {
      out.sample(count.bytes, {{"path", to}});
    }
    expose_rules(out);
    expose_relayed(out);
    out.gauge("mooring_flows", "Flows in the switch");
    for (const auto& [table, count] : tally.flows_by_table()) {
      const std::string number = std::to_string(table);
      out.sample(static_cast<std::uint64_t>(count), {{"bridge", tunnel_bridge}, {"table", number}});
    }
  }
  out.gauge("mooring_flows_in_line", "1: the switch holds exactly what is desired")
      .sample(flag(flows_ && flows_->in_line()), {{"bridge", tunnel_bridge}});
  out.gauge("mooring_flows_desired", "Flows that should be in the switch")
      .sample(flows.desired, {{"bridge", tunnel_bridge}});
  out.gauge("mooring_flows_held", "Flows that are not desired and not known to be needless: they stay")
      .sample(flows.held, {{"bridge", tunnel_bridge}});
  out.gauge("mooring_flows_refused", "Desired flows that the switch refused")
      .sample(flows.refused, {{"bridge", tunnel_bridge}});
  out.counter("mooring_switch_connects_total", "Connections to the bridge: a restart of Open vSwitch makes one")
      .sample(flows.connects, {{"bridge", tunnel_bridge}});
  out.histogram("mooring_flow_install_duration_seconds", "From handing a bundle of flows over to the switch's barrier",
                install_);
  out.gauge("mooring_watch_connected", "1: the watch stream from the controller is open").sample(flag(watch.connected));
  out.gauge("mooring_directory_revision",
            "Of the controller's directory, as this replica has it; mooring_revision is "
            "the controller's own")
      .sample(watch.revision);
  out.gauge("mooring_directory_complete", "1: all shards have been there").sample(flag(watch.complete));
  out.gauge("mooring_directory_entries", "Of the replica")
      .sample(static_cast<std::uint64_t>(directory_.port_count()), {{"kind", "port"}})
      .sample(static_cast<std::uint64_t>(directory_.nodes().size()), {{"kind", "node"}})
      .sample(static_cast<std::uint64_t>(directory_.gateways().size()), {{"kind", "gateway"}});
  out.counter("mooring_watch_drifts_total", "Digests that differed: the replica was read anew")
      .sample(watch.counters.drifts);
  out.process();
  return out.take();
}

ipam_api::Json Gateway::bgp_status() const {
  if (!announcer_) {
    return nullptr;
  }
  ipam_api::Json announced = ipam_api::Json::array();
  for (const net::IpCidr& prefix : announcer_->announced()) {
    announced.push_back(prefix.str());
  }
  ipam_api::Json neighbors = ipam_api::Json::array();
  for (const Announcer::Neighbor& neighbor : announcer_->neighbors()) {
    neighbors.push_back({{"address", neighbor.address},
                         {"as", neighbor.as},
                         {"state", neighbor.state},
                         {"prefixes_received", neighbor.received},
                         {"prefixes_sent", neighbor.sent}});
  }
  return {{"as", config_.bgp->as}, {"announced", announced}, {"neighbors", neighbors}};
}

ipam_api::Json Gateway::status() const {
  ipam_api::Json routes = ipam_api::Json::array();
  for (const OverlayRoute& route : foot_plan_.routes) {
    routes.push_back({{"destination", route.destination.str()}, {"mtu_bytes", route.mtu_bytes}});
  }
  ipam_api::Json problems = ipam_api::Json::array();
  for (const auto& [area, text] : problems_) {
    problems.push_back({{"area", area}, {"problem", text}});
  }
  const directory::WatchStatus watch = watch_ ? watch_->status() : directory::WatchStatus();
  const ovs::FlowSync::Counters flows = flows_ ? flows_->counters() : ovs::FlowSync::Counters();
  return {
      {"name", config_.name},
      {"version", MOORING_VERSION},
      {"network", config_.network},
      {"vtep", vtep_.str()},
      {"physical_interface", config_.physical_interface},
      {"datapath", datapath_ ? underlay::to_string(*datapath_) : ""},
      {"ready", ready_ && problems_.empty()},
      {"takes_traffic", takes_traffic_},
      {"draining", draining_},
      {"state", service_state()},
      {"live_gateways", live_peers()},
      {"shared_address", config_.shared_addresses.empty() ? "" : config_.shared_addresses.str()},
      {"has_shared_address", has_shared_address_},
      {"problems", problems},
      {"routes", routes},
      {"mtu_bytes", foot_plan_.mtu_bytes},
      {"bgp", bgp_status()},
      {"access_rules", access_status()},
      {"bridging", bridging_ ? bridging_->status() : ipam_api::Json()},
      {"controller",
       {{"endpoint", config_.controller.str()},
        {"registered", watch.registered},
        {"connected", watch.connected},
        {"last_error", watch.last_error},
        {"streams", watch.counters.streams},
        {"drifts", watch.counters.drifts}}},
      {"directory",
       {{"complete", watch.complete},
        {"incarnation", watch.incarnation},
        {"revision", watch.revision},
        {"ports", directory_.port_count()},
        {"nodes", directory_.nodes().size()},
        {"ignored_older", directory_.counters().ignored_older}}},
      {"flows",
       {{"in_line", flows_ && flows_->in_line()},
        {"desired", flows.desired},
        {"actual", flows.actual},
        {"held", flows.held},
        {"refused", flows.refused}}},
  };
}

std::string Gateway::desired_flows() const {
  return flows_ ? flows_->desired().text() : std::string();
}

}  // namespace mooring::gateway
