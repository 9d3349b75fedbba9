#include "ovs-agent/adapters/views.hpp"

#include <map>

#include <fmt/format.h>

#include "ovs-agent/app/underlay_mtu.hpp"

namespace mooring::agent {
namespace {

using ipam_api::Json;

Json flow_view(const ovs::FlowSync& sync) {
  const auto counters = sync.counters();
  return {{"connected", sync.connected()},      {"in_line", sync.in_line()},     {"desired", counters.desired},
          {"actual", counters.actual},          {"held", counters.held},         {"refused", counters.refused},
          {"meters", counters.meters},          {"added_total", counters.added}, {"removed_total", counters.removed},
          {"connects_total", counters.connects}};
}

}  // namespace

Json Views::status() const {
  const NodeState& state = parts_.state;
  const auto watch = sources_.watch.status();
  auto reasons = attachments_.not_ready();
  if (!watch.connected) {
    reasons.push_back(fmt::format("the controller at {} does not answer: {}", sources_.config.controller.str(),
                                  watch.last_error.empty() ? "connecting" : watch.last_error));
  }
  std::size_t open = 0;
  for (const auto& [attachment, port] : state.ports.all()) {
    open += gate_of(port, state.directory).open ? 1U : 0U;
  }
  const auto underlay = parts_.kernel.mtu_at(sources_.config.vtep);
  std::map<std::uint32_t, std::size_t> ports_by_mtu;
  for (const auto& [attachment, port] : state.ports.all()) {
    ++ports_by_mtu[port.record.mtu_bytes];
  }
  Json warnings = Json::array();
  for (const auto& [mtu_bytes, ports] : ports_by_mtu) {
    if (const auto problem = too_big_for(mtu_bytes, underlay); !problem.empty()) {
      warnings.push_back(fmt::format("{} ports: {}", ports, problem));
    }
  }
  const auto datapath = sources_.bridges.datapath();
  return {
      {"ready", reasons.empty()},
      {"reasons", reasons},
      {"warnings", warnings},
      {"version", MOORING_VERSION},
      {"node", state.node},
      {"vtep", sources_.config.vtep.str()},
      {"underlay_mtu_bytes", underlay ? *underlay : 0},
      {"datapath", datapath ? underlay::to_string(*datapath) : ""},
      {"boot_id", state.boot_id},
      {"controller",
       {{"endpoint", sources_.config.controller.str()},
        {"registered", watch.registered},
        {"connected", watch.connected},
        {"complete", watch.complete},
        {"revision", watch.revision},
        {"incarnation", watch.incarnation},
        {"last_error", watch.last_error}}},
      {"ovsdb", {{"connected", state.ovsdb->connected}, {"version", state.ovsdb->ovs_version}}},
      {"bridges_ready", state.bridges_ready},
      {"ports",
       {{"all", state.ports.size()},
        {"open", open},
        {"adds_in_flight", parts_.journal.state().in_flight.size()},
        {"releases_owed", parts_.releases.owed()},
        {"releases_held_by_controller", parts_.releases.held()},
        {"held", state.counters.held_now},
        {"given_unreported", parts_.given.unreported()},
        {"block_addresses_spare", parts_.given.spare()}}},
      {"directory",
       {{"ports", state.directory.port_count()},
        {"nodes", state.directory.nodes().size()},
        {"gateways", state.directory.gateways().size()}}},
      {"flows", {{"br-int", flow_view(sources_.bridges.br_int())}, {"br-tun", flow_view(sources_.bridges.br_tun())}}},
      {"destinations", destinations_view()},
      {"counters",
       {{"adds_total", state.counters.adds},
        {"add_failures_total", state.counters.add_failures},
        {"dels_total", state.counters.dels},
        {"superseded_total", state.counters.superseded},
        {"reconcile_passes_total", state.counters.reconcile_passes},
        {"reconciled_total", state.counters.reconciled},
        {"holds_total", state.counters.holds},
        {"gc_removed_total", state.counters.gc_removed},
        {"gc_refused_total", state.counters.gc_refused}}},
  };
}

Json Views::destinations_view() const {
  const auto& counters = sources_.destinations.counters();
  const auto packets = sources_.bridges.packets().counters();
  const WorkingSet& in_use = parts_.state.destinations;
  return {{"in_use", in_use.size()},
          {"at_most", in_use.settings().capacity},
          {"listening", sources_.bridges.packets().connected()},
          {"copies_total", counters.copies},
          {"whole_total", counters.whole},
          {"unreadable_total", counters.unreadable},
          {"dropped_total", packets.dropped},
          {"installed_total", counters.installed},
          {"taken_up_total", counters.taken_up},
          {"evicted_total", counters.evicted},
          {"expired_total", counters.expired},
          {"full_total", counters.full},
          {"reinjected_total", counters.reinjected},
          {"not_sent_total", packets.not_sent},
          {"unknown_total", counters.unknown},
          {"refused_total", counters.refused}};
}

Json Views::ports() const {
  Json items = Json::array();
  for (const auto& [attachment, port] : parts_.state.ports.all()) {
    const Gate gate = gate_of(port, parts_.state.directory);
    ipam_api::Json item = {{"attachment", attachment.str()},
                           {"pod", port.record.pod},
                           {"pod_uid", port.record.uid},
                           {"network", port.record.network},
                           {"vni", port.record.vni.value()},
                           {"mac", port.record.mac.str()},
                           {"generation", port.record.generation},
                           {"interface", port.interface},
                           {"ofport", port.ofport},
                           {"in_ovsdb", port.in_ovsdb},
                           {"confirmed", port.confirmed},
                           {"open", gate.open},
                           {"gate", gate.text()}};
    for (const auto& address : port.record.addresses) {
      item[address.address.is_v4() ? "address" : "address6"] = address.str();
    }
    if (port.record.bandwidth.limited()) {
      item["bandwidth"] = to_json(port.record.bandwidth);
    }
    items.push_back(std::move(item));
  }
  return {{"items", std::move(items)}};
}

std::string Views::flows() const {
  return fmt::format("# br-int\n{}\n# br-tun\n{}", sources_.bridges.br_int().desired().text(),
                     sources_.bridges.br_tun().desired().text());
}

}  // namespace mooring::agent
