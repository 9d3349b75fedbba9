#include "overlay-gateway/app/gateway.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/metrics/timed_channel.hpp"
#include "overlay-gateway/app/path_trace.hpp"
#include "overlay-gateway/app/switch_setup.hpp"
#include "overlay-gateway/domain/access_plan.hpp"
#include "overlay-gateway/domain/flow_meaning.hpp"

namespace mooring::gateway {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds healthy_interval{1000};
constexpr std::chrono::milliseconds first_repair{50};  // doubles up to the healthy interval while nothing else happens
constexpr std::chrono::milliseconds switch_deadline{5000};
constexpr std::chrono::milliseconds commit_pause{1000};
constexpr std::chrono::milliseconds trace_deadline{1000};  // nothing else is done meanwhile
constexpr std::chrono::milliseconds connect_grace{1000};   // the first connection is not late before

GatewaySettings settings_of(const Config& config, net::Ipv4Address vtep) {
  GatewaySettings settings;
  settings.name = config.name;
  settings.network = config.network;
  settings.vtep = vtep;
  settings.bridges = !config.bridge_interface.empty();
  if (config.controller.kind() == http::Endpoint::Kind::tcp) {
    if (const auto address = net::Ipv4Address::parse(config.controller.host())) {
      settings.controller = TcpDoor{*address, config.controller.port()};
    }
  }
  return settings;
}

underlay::PhysicalBridgeSettings bridge_settings(const Config& config) {
  underlay::PhysicalBridgeSettings settings;
  settings.nic = config.underlay_interface;
  settings.state_file = config.state_dir + "/underlay.json";
  return settings;
}

directory::WatchClientSettings watch_settings(const Config& config, net::Ipv4Address vtep) {
  directory::WatchClientSettings settings;
  settings.role = ipam_api::Role::gateway;
  settings.name = config.name;
  settings.registration.machine_id = config.machine_id;
  settings.registration.vtep = vtep;
  settings.registration.version = MOORING_VERSION;
  settings.registration.network = config.network;
  settings.controller = config.controller;
  settings.token = config.token;
  return settings;
}

SentinelSettings sentinel_settings(const Config& config) {
  SentinelSettings settings;
  settings.name = config.name;
  settings.network = config.network;
  settings.interface = config.physical_interface;
  settings.bridge_interface = config.bridge_interface;
  settings.controller = config.controller;
  settings.token = config.token;
  return settings;
}

Error same_interface(const std::string& name) {
  return Error(
      Errc::invalid_config,
      fmt::format("taking {} as the physical side: the userspace datapath puts the underlay interface into {}", name,
                  underlay::PhysicalBridgeSettings().bridge),
      fmt::format("--physical-interface {} if both sides share {}", underlay::PhysicalBridgeSettings().bridge, name));
}

}  // namespace

Gateway::Gateway(asio::io_context& io, Machine machine, const Config& config, net::Ipv4Address vtep)
    : io_(io),
      config_(config),
      vtep_(vtep),
      directory_(""),
      checkpoint_(io.get_executor(), directory_, config.state_dir + "/directory"),
      plan_(directory_, settings_of(config, vtep)),
      machine_(machine),
      physical_bridge_(bridge_settings(config)),
      rule_tally_([this](const ovs::Flow& flow) { return meaning_for_rules(flow); }),
      relay_tally_([this](const ovs::Flow& flow) { return meaning_for_relay(flow); }),
      timer_(io),
      presence_timer_(io) {}

Gateway::~Gateway() = default;

void Gateway::start(std::function<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  started_at_ = Clock::now();
  const ovs::Post post = [this](std::function<void()> f) { asio::post(io_, std::move(f)); };
  ovsdb_ = std::make_unique<ovs::Ovsdb>(config_.ovsdb, post,
                                        [this](const std::shared_ptr<const ovs::OvsdbState>&) { look_soon(); });
  ovs::FlowSync::Options options;
  options.bridge = tunnel_bridge;
  options.together = &is_access_flow;
  options.may_delete = [this](const ovs::Flow& flow) { return may_delete_flow(flow); };
  options.refused = [](const ovs::Flow& flow, const Error& error) {
    spdlog::error("{} refuses flow '{}': {}", tunnel_bridge, flow.str(), error.text());
  };
  options.in_line_changed = [this](bool in_line) {
    if (in_line) {
      warm_tunnels(true);  // vswitchd may have been started anew, with an empty cache of tunnel peers
    }
    look_soon();
  };
  const auto dial = ovs::dial_openflow(fmt::format("unix:{}/{}.mgmt", config_.ovs_rundir, tunnel_bridge), post);
  flows_ = std::make_unique<ovs::FlowSync>(
      metrics::timed(dial, [this](std::chrono::nanoseconds took) { install_.observe(took); }), std::move(options));
  switch_watch_ =
      std::make_unique<metrics::SwitchWatch>(dial, &flow_meaning, [this](const std::vector<ovs::FlowEntry>& dump) {
        count_rules(dump);
        relay_tally_.take(dump);
      });
  program_ = std::make_unique<FlowProgram>(plan_, *flows_);
  begin_bridging(post);
  pulse_ = dial(ovs::FlowChannel::Callbacks{[] {}, [](const Error&) {}});
  if (checkpoint_.restore()) {
    on_directory(directory_.take_changes());
  }
  plan_bridging();
  program_->update(plan_.all_groups());
  asio::co_spawn(io_, checkpoint_.run(), asio::detached);

  directory::WatchClientCallbacks callbacks;
  callbacks.changed = [this](const directory::Changes& changes) { on_directory(changes); };
  callbacks.connected = [this](bool there) {
    if (there && state_report_) {
      state_report_->again();
    }
  };
  callbacks.answer = [this](std::string question, ipam_api::Json arguments) {
    return answer(std::move(question), std::move(arguments));
  };
  watch_ = std::make_unique<directory::WatchClient>(io_.get_executor(), directory_, watch_settings(config_, vtep_),
                                                    std::move(callbacks));
  asio::co_spawn(io_, watch_->run(), asio::detached);
  if (machine_.segment != nullptr) {
    sentinel_ = std::make_unique<Sentinel>(io_.get_executor(), directory_, *machine_.segment, machine_.trunk_segment,
                                           sentinel_settings(config_));
    asio::co_spawn(io_, sentinel_->run([this](const Result<void>& hears) { settle("sentinel", hears); }),
                   asio::detached);
  }
  state_report_ = std::make_unique<StateReport>(io_.get_executor(), config_.name, config_.controller, config_.token,
                                                [this] { return service_state(); });
  asio::co_spawn(io_, state_report_->run(), asio::detached);
  if (config_.bgp) {
    announcer_ = std::make_unique<Announcer>(io_.get_executor(), *config_.bgp, machine_.bgpd);
    asio::co_spawn(io_, announcer_->run([this] { settle("bgp", announcer_->state()); }), asio::detached);
  }
  look_soon();
  begin_presence();
}

void Gateway::stop() {
  stopped_ = true;
  timer_.cancel();
  presence_timer_.cancel();
  checkpoint_.stop();
  if (announcer_) {
    announcer_->stop();
  }
  if (sentinel_) {
    sentinel_->stop();
  }
  if (state_report_) {
    state_report_->stop();
  }
  if (watch_) {
    watch_->stop();
  }
  bridging_.reset();
  program_.reset();
  switch_watch_.reset();
  pulse_.reset();
  flows_.reset();
  ovsdb_.reset();
}

asio::awaitable<Result<ipam_api::Json>> Gateway::answer(std::string question, ipam_api::Json arguments) {
  if (question == "trace") {
    const RuleNamer named = [this](std::uint64_t cookie) { return named_rule(cookie); };
    co_return answer_trace(arguments, config_.ovs_rundir, vtep_, trace_deadline, named);
  }
  if (question == "rule-use") {
    co_return co_await rule_use(std::move(arguments));
  }
  if (question == "drain" || question == "undrain") {
    co_return drain(question == "drain", arguments);
  }
  co_return Error(Errc::unsupported, fmt::format("answering the question '{}': not known", question));
}

void Gateway::on_directory(const directory::Changes& changes) {
  if (stopped_) {
    return;
  }
  plan_bridging();
  program_->update(plan_.affected_by(changes));
  announce_bridged(changes);
  if (changes.completeness) {
    flows_->reconsider();
  }
  if (!changes.nodes.empty() || !changes.gateways.empty()) {
    warm_tunnels(true);
  }
  if (changes.layout || changes.completeness) {
    look_soon();
  }
}

void Gateway::look_soon() {
  if (!look_posted_ && !stopped_) {
    look_posted_ = true;
    repair_interval_ = first_repair;
    asio::post(io_, [this] {
      look_posted_ = false;
      look();
    });
  }
}

void Gateway::look() {
  if (stopped_) {
    return;
  }
  FootFacts facts;
  facts.complete = directory_.complete();
  facts.physical_addresses = machine_.foot.physical_addresses();
  facts.underlay_mtu_bytes = machine_.foot.mtu_of(config_.underlay_interface);
  foot_plan_ = foot_plan(plan_.subnets(), facts);
  look_at_switch();
  if (switch_whole_) {
    look_at_kernel();
    look_at_nat();
    look_at_bridging();
  }
  warm_tunnels(false);
  announce();
  const bool whole = is_whole();
  if (whole && !ready_) {
    ready_ = true;
    on_ready_();
  }
  repair_interval_ = whole ? first_repair : std::min(repair_interval_ * 2, healthy_interval);
  timer_.expires_after(whole ? healthy_interval : repair_interval_);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) {
      look();
    }
  });
}

// Whatever is wrong with routers is their fault, perhaps, and a segment without an election is no reason not to route,
// and watching forwards nothing: no packet waits for them.
bool Gateway::is_whole() const {
  const std::size_t elsewhere = problems_.count("bgp") + problems_.count("sentinel") + problems_.count("bridge");
  return switch_whole_ && problems_.size() == elsewhere && flows_->in_line();
}

void Gateway::look_at_switch() {
  const auto state = ovsdb_->state();
  if (!state->connected && Clock::now() < started_at_ + connect_grace) {
    return;
  }
  if (!state->connected) {
    settle("ovsdb", Error(Errc::unavailable, "reading " + config_.ovsdb + ": no connection to the database",
                          "is ovsdb-server running? systemctl start openvswitch-switch"));
    return;
  }
  settle("ovsdb", ok());
  const auto datapath = underlay::choose_datapath(config_.datapath, *state);
  settle("datapath", datapath ? ok() : Result<void>(datapath.error()));
  if (!datapath) {
    return;
  }
  const auto bridge_free = bridge_is_free(*state);
  settle("bridge", bridge_free);
  const auto name_free = machine_.foot.name_is_free();
  settle("name", name_free);
  if (!bridge_free || !name_free) {
    return;
  }
  datapath_ = *datapath;
  const bool bridged = *datapath == underlay::Datapath::netdev;
  const bool one_nic = bridged && config_.physical_interface == config_.underlay_interface;
  settle("interfaces", one_nic ? Result<void>(same_interface(config_.physical_interface)) : ok());
  if (one_nic) {
    return;
  }
  switch_whole_ = switch_is_whole(*state, bridged ? bridge_settings(config_).bridge : std::string());
  const bool mtu_differs = foot_plan_.mtu_bytes != 0 && foot_plan_.mtu_bytes != committed_mtu_;
  if ((!switch_whole_ || mtu_differs) && !committing_ && Clock::now() >= commit_not_before_) {
    set_up_switch(*datapath);
  }
}

void Gateway::set_up_switch(underlay::Datapath datapath) {
  SwitchWish wish;
  wish.datapath = datapath;
  wish.vtep = vtep_;
  wish.foot_mtu_bytes = foot_plan_.mtu_bytes;
  ovs::OvsdbTransaction transaction;
  transaction.purpose = fmt::format("making {}", tunnel_bridge);
  transaction.deadline = switch_deadline;
  if (datapath == underlay::Datapath::netdev) {
    const auto remembered = underlay_remembered_ ? ok() : physical_bridge_.remember();
    settle("underlay", remembered);
    if (!remembered) {
      return;
    }
    underlay_remembered_ = true;
    transaction.operations = physical_bridge_.operations();
  }
  for (ovs::OvsdbOperation& operation : switch_operations(wish)) {
    transaction.operations.push_back(std::move(operation));
  }
  committing_ = true;
  ovsdb_->commit(std::move(transaction), [this, mtu = wish.foot_mtu_bytes](const Result<void>& done) {
    committing_ = false;
    settle("switch", done);
    if (done) {
      committed_mtu_ = mtu;
      look_soon();
    } else {
      commit_not_before_ = Clock::now() + commit_pause;  // each attempt changes OVSDB, which calls for a look
    }
  });
}

void Gateway::look_at_kernel() {
  if (datapath_ == underlay::Datapath::netdev) {
    const auto taken_over = physical_bridge_.take_over();
    settle("underlay", taken_over ? ok() : Result<void>(taken_over.error()));
  }
  const Foot::Outcome outcome = machine_.foot.ensure(foot_plan_);
  std::string texts;
  for (const Error& error : outcome.problems) {
    texts += (texts.empty() ? "" : "; ") + error.text();
  }
  settle("kernel", texts.empty() ? ok() : Result<void>(Error(outcome.problems.front().code(), texts)));
  if (outcome.changed && texts.empty()) {
    spdlog::info("{}: {} overlay routes, MTU {}", foot_name, foot_plan_.routes.size(), foot_plan_.mtu_bytes);
  }
}

void Gateway::look_at_nat() {
  SourceNat nat;
  nat.sources = config_.nat_sources;
  nat.exceptions = config_.nat_exceptions;
  nat.interface = config_.physical_interface;
  if (!nat.sources.empty()) {
    const auto physical = machine_.foot.physical_addresses().v4();
    if (!config_.nat_address && !physical) {
      settle("nat",
             Error(Errc::not_found, fmt::format("source NAT: {} has no IPv4 address", config_.physical_interface),
                   "give it one, or name one: --nat-address"));
      return;
    }
    nat.address = config_.nat_address ? *config_.nat_address : physical->v4();
  }
  const auto changed = machine_.nat.ensure(nat);
  settle("nat", changed ? ok() : Result<void>(changed.error()));
  if (changed && *changed) {
    spdlog::info("nat: packets of {} prefixes leave {} with another source", nat.sources.size(), nat.interface);
  }
}

void Gateway::warm_tunnels(bool now) {
  if (now) {
    warmup_.begin_anew();
  }
  if (datapath_ != underlay::Datapath::netdev || !switch_whole_ || !warmup_.due(Clock::now())) {
    return;
  }
  const auto peers = plan_.peers();
  underlay::warm_up_peers(vtep_, {peers.begin(), peers.end()});
}

// Who announces the overlay gets its packets: only with every flow in the switch, and no longer than it is there.
void Gateway::announce() {
  if (!announcer_) {
    return;
  }
  const bool carries =
      switch_whole_ && flows_->connected() && directory_.revision() != 0 && (!draining_ || live_peers().empty());
  has_carried_ = has_carried_ || (carries && flows_->in_line());
  if (!has_carried_) {
    return;
  }
  std::set<net::IpCidr> prefixes;
  if (carries) {
    for (const OverlayRoute& route : foot_plan_.routes) {
      prefixes.insert(route.destination);
    }
  }
  announcer_->want(std::move(prefixes));
}

// Logged once when it begins, when it changes and when it ends.
void Gateway::settle(const std::string& area, const Result<void>& result) {
  const auto known = problems_.find(area);
  if (result) {
    if (known != problems_.end()) {
      spdlog::info("{}: in order again", area);
      problems_.erase(known);
    }
    return;
  }
  const std::string text = result.error().text();
  if (known == problems_.end() || known->second != text) {
    spdlog::warn("{}: {}", area, text);
    problems_[area] = text;
  }
}

}  // namespace mooring::gateway
