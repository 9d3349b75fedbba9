// The agent's metrics as Prometheus reads them (docs/observability/README.md lists them): what it counts itself, the
// packet counters of pods' links from the kernel, and of flows from the switch.
//
// Cardinality is bounded: bridges, tables and reasons are fixed, and at most max_ports pods have series of their own
// (`mooring_metrics_left_out` says how many have not). Counters of pods are the kernel's: a restart of Open vSwitch
// does not touch them. Threading: the agent's one thread. Performance: asks the switch for all flows at most once a
// second; 1,000 pods and 5,000 flows take about 60 ms, of which 10 on this thread.
#pragma once

#include "mooring/metrics/exposition.hpp"
#include "mooring/metrics/switch_watch.hpp"
#include "ovs-agent/adapters/views.hpp"

namespace mooring::agent {

class AgentMetrics {
 public:
  static constexpr std::size_t max_ports = 1000;

  // `install` is filled by whoever programs flows.
  AgentMetrics(Attachments::Parts parts, Attachments& attachments, ViewSources sources, Kernel& kernel,
               const metrics::Histogram& install);

  // Calls back within a few seconds, whatever is away.
  void collect(std::function<void(std::string)> done);

 private:
  std::string text();
  void add_node(metrics::Exposition& out) const;
  void add_ports(metrics::Exposition& out);
  void add_flows(metrics::Exposition& out) const;
  void add_directory(metrics::Exposition& out) const;
  void add_work(metrics::Exposition& out) const;

  Attachments::Parts parts_;
  Attachments& attachments_;
  ViewSources sources_;
  Kernel& kernel_;
  const metrics::Histogram& install_;
  metrics::SwitchWatch br_int_, br_tun_;
};

}  // namespace mooring::agent
