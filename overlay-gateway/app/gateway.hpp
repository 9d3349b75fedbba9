// The gateway: directory in, Open vSwitch and kernel kept as the directory says.
//
// Everything is desired state: whenever something changed (directory, OVSDB, OpenFlow connection) and once a second
// besides, what should be is compared with what is, and the difference repaired. What cannot be repaired is a problem
// by name, logged once and shown in the status; the rest goes on.
//
// A restart of this program changes nothing in switch and kernel: what is right is left alone, and nothing is removed
// before the directory is whole. Threading: one thread, that of `io`.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/directory/checkpoint.hpp"
#include "mooring/directory/watch_client.hpp"
#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/metrics/exposition.hpp"
#include "mooring/metrics/switch_watch.hpp"
#include "mooring/ovs/flow_sync.hpp"
#include "mooring/ovs/ovsdb.hpp"
#include "mooring/underlay/peer_warmup.hpp"
#include "mooring/underlay/physical_bridge.hpp"
#include "mooring/underlay/tunnel.hpp"
#include "overlay-gateway/app/announcer.hpp"
#include "overlay-gateway/app/bridging.hpp"
#include "overlay-gateway/app/flow_program.hpp"
#include "overlay-gateway/app/ports.hpp"
#include "overlay-gateway/app/sentinel.hpp"
#include "overlay-gateway/app/state_report.hpp"
#include "overlay-gateway/config.hpp"
#include "overlay-gateway/domain/flow_plan.hpp"
#include "overlay-gateway/domain/presence.hpp"

namespace mooring::gateway {

class Gateway {
 public:
  // What `machine` names must outlive this. `vtep`: config.vtep, or what was found on the underlay interface.
  Gateway(boost::asio::io_context& io, Machine machine, const Config& config, net::Ipv4Address vtep);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Connects to everything; `on_ready` runs once, when switch and kernel are as they should be.
  void start(std::function<void()> on_ready);
  // Lets go of the connections; switch and kernel stay as they are.
  void stop();

  ipam_api::Json status() const;
  std::string desired_flows() const;
  // Prometheus' text; called back within seconds, whatever is away.
  void collect_metrics(std::function<void(std::string)> done);

 private:
  using Clock = std::chrono::steady_clock;

  std::string metrics_text() const;
  boost::asio::awaitable<Result<ipam_api::Json>> answer(std::string question, ipam_api::Json arguments);
  // gateway_access.cpp: what access rules do here.
  std::string named_rule(std::uint64_t cookie) const;
  metrics::FlowMeaning meaning_for_rules(const ovs::Flow& flow);
  void count_rules(const std::vector<ovs::FlowEntry>& dump);
  // gateway_relay.cpp: what nodes have relayed, by subnet.
  metrics::FlowMeaning meaning_for_relay(const ovs::Flow& flow);
  void expose_relayed(metrics::Exposition& out) const;
  boost::asio::awaitable<Result<ipam_api::Json>> rule_use(ipam_api::Json arguments);
  ipam_api::Json access_status() const;
  void expose_rules(metrics::Exposition& out) const;

  void on_directory(const directory::Changes& changes);
  void look_soon();
  void look();
  bool is_whole() const;
  void look_at_switch();
  void set_up_switch(underlay::Datapath datapath);
  void look_at_kernel();
  void warm_tunnels(bool now);
  void look_at_nat();
  void announce();
  ipam_api::Json bgp_status() const;
  void settle(const std::string& area, const Result<void>& result);

  // gateway_presence.cpp: whether this gateway takes traffic, and says so to nodes, other gateways and machines.
  bool may_delete_flow(const ovs::Flow& flow) const;
  void begin_presence();
  void watch_presence();
  std::string_view service_state() const;
  Result<ipam_api::Json> drain(bool draining, const ipam_api::Json& arguments);
  void take_traffic(bool takes);
  void feel_pulse();
  void ensure_peer_ports();
  std::set<std::string> live_peers() const;
  void hold_shared_address(bool takes, const PresenceFacts& facts);
  bool have_shared_addresses(bool held);

  // gateway_bridging.cpp: bridged mode, if there is an interface for it.
  void begin_bridging(const ovs::Post& post);
  void plan_bridging();
  void announce_bridged(const directory::Changes& changes);
  void look_at_bridging();
  void stand_for_election(bool stands);

  boost::asio::io_context& io_;
  Config config_;
  net::Ipv4Address vtep_;
  directory::Directory directory_;
  directory::Checkpoint checkpoint_;
  FlowPlan plan_;
  Machine machine_;
  underlay::PhysicalBridge physical_bridge_;
  std::unique_ptr<ovs::Ovsdb> ovsdb_;
  std::unique_ptr<ovs::FlowSync> flows_;
  std::unique_ptr<FlowProgram> program_;
  std::set<std::string> rules_met_;  // names, for as long as this runs: labels of the tally
  metrics::FlowTally rule_tally_;
  std::set<std::string> subnets_met_;  // as rules_met_
  metrics::FlowTally relay_tally_;
  std::unique_ptr<metrics::SwitchWatch> switch_watch_;  // a further connection, for figures
  metrics::Histogram install_{{0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2.5, 5}};
  std::unique_ptr<directory::WatchClient> watch_;
  std::unique_ptr<Sentinel> sentinel_;  // null: nobody watches the physical network
  std::unique_ptr<StateReport> state_report_;
  std::unique_ptr<Announcer> announcer_;  // null: no BGP
  std::unique_ptr<Bridging> bridging_;    // null: no interface for it
  boost::asio::steady_timer timer_;
  std::function<void()> on_ready_;

  std::optional<underlay::Datapath> datapath_;
  bool look_posted_ = false;
  bool committing_ = false;
  bool switch_whole_ = false;
  bool underlay_remembered_ = false;
  bool ready_ = false;
  bool has_carried_ = false;  // in this life: until then, what is announced is left as it is
  bool stopped_ = false;
  std::uint32_t committed_mtu_ = 0;
  FootPlan foot_plan_;
  std::chrono::milliseconds repair_interval_{0};
  Clock::time_point commit_not_before_{};
  Clock::time_point started_at_{};
  underlay::WarmupSchedule warmup_;
  std::unique_ptr<ovs::FlowChannel> pulse_;  // a connection of its own: its answers say that vswitchd is at work
  boost::asio::steady_timer presence_timer_;
  bool takes_traffic_ = false;
  bool stands_ = false;            // for election as forwarder of bridged subnets
  bool standing_decided_ = false;  // since this start
  bool draining_ = false;          // as the file in the state folder says
  bool presence_decided_ = false;  // since this start; before it, what is there stays
  bool pulse_asked_ = false, pulse_felt_ = false;
  bool has_shared_address_ = false;
  bool committing_peers_ = false;
  int announcements_ = 0;
  Clock::time_point announce_at_{};
  Clock::time_point takes_since_{};
  Clock::time_point let_go_at_{};
  std::map<std::string, std::string> problems_;  // by area, sorted: what is wrong now
};

}  // namespace mooring::gateway
