#include "ovs-agent/adapters/agent_metrics.hpp"

#include <algorithm>
#include <memory>

#include "ovs-agent/domain/flow_meaning.hpp"
#include "ovs-agent/domain/gate.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

using metrics::Exposition;

metrics::FlowTally::Meaning meaning_in(const char* bridge) {
  return [bridge](const ovs::Flow& flow) { return flow_meaning(bridge, flow); };
}

struct Bridge {
  const char* name;
  const ovs::FlowSync& sync;
  const metrics::FlowTally& tally;
};

std::uint64_t flag(bool value) {
  return value ? 1 : 0;
}

}  // namespace

AgentMetrics::AgentMetrics(Attachments::Parts parts, Attachments& attachments, ViewSources sources, Kernel& kernel,
                           const metrics::Histogram& install)
    : parts_(std::move(parts)),
      attachments_(attachments),
      sources_(std::move(sources)),
      kernel_(kernel),
      install_(install),
      br_int_(sources_.bridges.dial(integration_bridge), meaning_in(integration_bridge)),
      br_tun_(sources_.bridges.dial(tunnel_bridge), meaning_in(tunnel_bridge)) {}

void AgentMetrics::collect(std::function<void(std::string)> done) {
  const auto finish = [this, done = std::move(done)] { done(text()); };
  br_int_.refresh([this, finish] { br_tun_.refresh(finish); });
}

std::string AgentMetrics::text() {
  Exposition out;
  add_node(out);
  add_ports(out);
  add_flows(out);
  add_directory(out);
  add_work(out);
  out.process();
  return out.take();
}

void AgentMetrics::add_node(Exposition& out) const {
  const NodeState& state = parts_.state;
  const auto watch = sources_.watch.status();
  const auto datapath = sources_.bridges.datapath();
  const std::string vtep = sources_.config.vtep.str();
  out.gauge("mooring_build_info", "The program's version").sample(1.0, {{"version", MOORING_VERSION}});
  out.gauge("mooring_agent_info", "The node, and what its bridges run on")
      .sample(1.0, {{"node", state.node},
                    {"vtep", vtep},
                    {"datapath", datapath ? underlay::to_string(*datapath) : ""},
                    {"ovs_version", state.ovsdb->ovs_version}});
  out.gauge("mooring_agent_ready", "1: an ADD can be served, apart from the controller")
      .sample(flag(attachments_.not_ready().empty()));
  out.gauge("mooring_agent_ovsdb_connected", "1: OVSDB answers").sample(flag(state.ovsdb->connected));
  out.gauge("mooring_agent_bridges_ready", "1: bridges, their ports and mooring0 are as they should be")
      .sample(flag(state.bridges_ready));
  out.gauge("mooring_watch_connected", "1: the watch stream from the controller is open").sample(flag(watch.connected));
}

void AgentMetrics::add_ports(Exposition& out) {
  struct Row {
    std::string namespace_, pod, interface;
    netlink::LinkCounters counters;
  };
  const auto links = kernel_.link_counters();
  std::uint64_t open = 0;
  std::uint64_t retired = 0;
  std::vector<Row> rows;
  for (const auto& [attachment, port] : parts_.state.ports.all()) {
    open += flag(gate_of(port, parts_.state.directory).open);
    const auto link = links ? links->find(port.interface) : decltype(links->end()){};
    if (!links || link == links->end() || rows.size() == max_ports) {
      continue;
    }
    const auto slash = port.record.pod.find('/');
    rows.push_back({port.record.pod.substr(0, slash), port.record.pod.substr(slash + 1), port.interface, link->second});
  }
  if (links) {
    retired = static_cast<std::uint64_t>(std::count_if(
        links->begin(), links->end(), [](const auto& link) { return link.first.starts_with("gone-mo"); }));
  }
  const std::uint64_t all = parts_.state.ports.size();
  out.gauge("mooring_agent_ports", "Container interfaces of this node; shut: its address is somebody else's now")
      .sample(open, {{"state", "open"}})
      .sample(all - open, {{"state", "shut"}});
  out.gauge("mooring_metrics_left_out", "Objects without series of their own: there are too many")
      .sample(all > max_ports ? all - max_ports : 0, {{"kind", "port"}});
  out.gauge("mooring_agent_retired_links", "Links that DEL has left for the agent to delete").sample(retired);

  using Counter = std::uint64_t netlink::LinkCounters::*;
  const auto family = [&](const char* name, const char* help, Counter from_pod, Counter to_pod) {
    out.counter(name, help);
    for (const Row& row : rows) {
      // The host's end counts: what it received, the pod has sent.
      for (const auto& [direction, value] : {std::pair("sent", from_pod), std::pair("received", to_pod)}) {
        out.sample(
            row.counters.*value,
            {{"namespace", row.namespace_}, {"pod", row.pod}, {"interface", row.interface}, {"direction", direction}});
      }
    }
  };
  family("mooring_port_packets_total", "Packets of a pod's interface, as the pod sees the direction",
         &netlink::LinkCounters::received_packets, &netlink::LinkCounters::sent_packets);
  family("mooring_port_bytes_total", "Bytes of a pod's interface, as the pod sees the direction",
         &netlink::LinkCounters::received_bytes, &netlink::LinkCounters::sent_bytes);
  family("mooring_port_dropped_packets_total", "Packets that the kernel dropped at a pod's interface",
         &netlink::LinkCounters::received_dropped, &netlink::LinkCounters::sent_dropped);
}

void AgentMetrics::add_flows(Exposition& out) const {
  const Bridge bridges[] = {{integration_bridge, sources_.bridges.br_int(), br_int_.tally()},
                            {tunnel_bridge, sources_.bridges.br_tun(), br_tun_.tally()}};
  out.counter("mooring_dropped_packets_total", "Packets that flows dropped, by reason");
  for (const Bridge& bridge : bridges) {
    for (const auto& [reason, count] : bridge.tally.drops()) {
      out.sample(count.packets, {{"bridge", bridge.name}, {"reason", reason}});
    }
  }
  out.counter("mooring_tunnel_packets_total", "Packets sent to other nodes: direct, by a relay, or after a move");
  for (const auto& [path, count] : br_tun_.tally().forwarded()) {
    out.sample(count.packets, {{"path", path}});
  }
  out.counter("mooring_tunnel_bytes_total", "Bytes sent to other nodes, without the tunnel's headers");
  for (const auto& [path, count] : br_tun_.tally().forwarded()) {
    out.sample(count.bytes, {{"path", path}});
  }
  const auto& destinations = sources_.destinations.counters();
  const WorkingSet& in_use = parts_.state.destinations;
  out.gauge("mooring_destinations", "Ports of other nodes that have a flow, because they are in use")
      .sample(static_cast<std::uint64_t>(in_use.size()));
  out.gauge("mooring_destinations_limit", "How many there may be: --max-destinations")
      .sample(static_cast<std::uint64_t>(in_use.settings().capacity));
  out.counter("mooring_misses_total",
              "Packets without a flow that the agent has heard of: copies of relayed ones, whole ones")
      .sample(destinations.copies, {{"kind", "relayed"}})
      .sample(destinations.whole, {{"kind", "whole"}});
  out.counter("mooring_misses_unknown_total", "… for addresses that no other node has").sample(destinations.unknown);
  out.counter("mooring_destination_changes_total", "Destinations that came, and why they went or did not come")
      .sample(destinations.installed, {{"change", "installed"}})
      .sample(destinations.taken_up, {{"change", "taken-up"}})
      .sample(destinations.evicted, {{"change", "evicted"}})
      .sample(destinations.expired, {{"change", "expired"}})
      .sample(destinations.full, {{"change", "no-room"}});
  out.gauge("mooring_flows", "Flows in the switch");
  for (const Bridge& bridge : bridges) {
    for (const auto& [table, count] : bridge.tally.flows_by_table()) {
      const std::string number = std::to_string(table);
      out.sample(static_cast<std::uint64_t>(count), {{"bridge", bridge.name}, {"table", number}});
    }
  }
  using Value = std::function<std::uint64_t(const Bridge&)>;
  const auto each = [&](Exposition& family, const Value& value) {
    for (const Bridge& bridge : bridges) {
      family.sample(value(bridge), {{"bridge", bridge.name}});
    }
  };
  each(out.gauge("mooring_flows_in_line", "1: the switch holds exactly what is desired"),
       [](const Bridge& bridge) { return flag(bridge.sync.in_line()); });
  each(out.gauge("mooring_flows_desired", "Flows that should be in the switch"),
       [](const Bridge& bridge) { return bridge.sync.counters().desired; });
  each(out.gauge("mooring_flows_held", "Flows that are not desired and not known to be needless: they stay"),
       [](const Bridge& bridge) { return bridge.sync.counters().held; });
  each(out.gauge("mooring_flows_refused", "Desired flows that the switch refused"),
       [](const Bridge& bridge) { return bridge.sync.counters().refused; });
  each(out.gauge("mooring_flows_amiss", "Desired flows that the last read-back did not find as they should be"),
       [](const Bridge& bridge) { return static_cast<std::uint64_t>(bridge.sync.amiss().size()); });
  each(out.counter("mooring_flow_read_backs_total", "How often the switch was asked what it holds"),
       [](const Bridge& bridge) { return bridge.sync.counters().read_backs; });
  each(out.counter("mooring_switch_connects_total", "Connections to the bridge: a restart of Open vSwitch makes one"),
       [](const Bridge& bridge) { return bridge.sync.counters().connects; });
  each(out.counter("mooring_switch_failures_total", "Requests to the switch that failed"),
       [](const Bridge& bridge) { return bridge.sync.counters().failures; });
  out.counter("mooring_flow_changes_total", "Flows added (or replaced) and removed, past a barrier");
  for (const Bridge& bridge : bridges) {
    out.sample(bridge.sync.counters().added, {{"bridge", bridge.name}, {"change", "added"}});
    out.sample(bridge.sync.counters().removed, {{"bridge", bridge.name}, {"change", "removed"}});
  }
  out.histogram("mooring_flow_install_duration_seconds", "From handing a bundle of flows over to the switch's barrier",
                install_);
}

void AgentMetrics::add_directory(Exposition& out) const {
  const auto& directory = parts_.state.directory;
  const auto watch = sources_.watch.status();
  out.gauge("mooring_directory_revision",
            "Of the controller's directory, as this replica has it; mooring_revision is "
            "the controller's own")
      .sample(directory.revision());
  out.gauge("mooring_directory_complete", "1: all shards have been there").sample(flag(directory.complete()));
  out.gauge("mooring_directory_entries", "Of the replica")
      .sample(static_cast<std::uint64_t>(directory.port_count()), {{"kind", "port"}})
      .sample(static_cast<std::uint64_t>(directory.nodes().size()), {{"kind", "node"}})
      .sample(static_cast<std::uint64_t>(directory.gateways().size()), {{"kind", "gateway"}});
  out.counter("mooring_directory_ignored_older_total", "Entries that were older than what is known")
      .sample(directory.counters().ignored_older);
  out.counter("mooring_watch_streams_total", "Streams opened, by how they began")
      .sample(watch.counters.resumed, {{"began", "resumed"}})
      .sample(watch.counters.snapshots, {{"began", "snapshot"}});
  out.counter("mooring_watch_drifts_total", "Digests that differed: the replica was read anew")
      .sample(watch.counters.drifts);
  out.counter("mooring_watch_silences_total", "Streams closed because nothing came").sample(watch.counters.silences);
}

void AgentMetrics::add_work(Exposition& out) const {
  const auto& counters = parts_.state.counters;
  const JournalState& journal = parts_.journal.state();
  out.counter("mooring_agent_calls_total", "ADDs and DELs of the plugin")
      .sample(counters.adds, {{"call", "add"}})
      .sample(counters.dels, {{"call", "del"}});
  out.counter("mooring_agent_add_failures_total", "ADDs that ended with an error").sample(counters.add_failures);
  out.counter("mooring_agent_superseded_total", "ADDs whose address was somebody else's by the end")
      .sample(counters.superseded);
  out.counter("mooring_agent_reconcile_passes_total", "Comparisons of what the node has with the directory")
      .sample(counters.reconcile_passes);
  out.counter("mooring_agent_reconciled_total", "Ports given back because they were gone").sample(counters.reconciled);
  out.counter("mooring_agent_holds_total", "How often too many ports seemed to be gone at once: nothing is given back")
      .sample(counters.holds);
  out.gauge("mooring_agent_held_ports", "Ports that seem to be gone and are held for an operator")
      .sample(static_cast<std::uint64_t>(counters.held_now));
  out.counter("mooring_agent_gc_total", "Attachments looked at by CNI GC")
      .sample(counters.gc_removed, {{"outcome", "removed"}})
      .sample(counters.gc_refused, {{"outcome", "refused"}});
  out.gauge("mooring_agent_journal_records",
            "What must survive the agent: ADDs in flight, releases that the "
            "controller is owed, addresses of other main plugins")
      .sample(static_cast<std::uint64_t>(journal.in_flight.size()), {{"kind", "in-flight"}})
      .sample(static_cast<std::uint64_t>(journal.owed.size()), {{"kind", "owed"}})
      .sample(static_cast<std::uint64_t>(journal.delegated.size()), {{"kind", "delegated"}});
  out.gauge("mooring_agent_releases_held", "Releases that the controller holds until an operator decides")
      .sample(static_cast<std::uint64_t>(parts_.releases.held()));
}

}  // namespace mooring::agent
