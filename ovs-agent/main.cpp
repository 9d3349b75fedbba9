// mooring-agent: the wiring of one node. Who does what: docs/architecture.md.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/directory/checkpoint.hpp"
#include "mooring/directory/watch_client.hpp"
#include "mooring/metrics/door.hpp"
#include "mooring/ovs/library.hpp"
#include "ovs-agent/adapters/agent_metrics.hpp"
#include "ovs-agent/adapters/agent_socket.hpp"
#include "ovs-agent/adapters/controller.hpp"
#include "ovs-agent/adapters/deleted_notes.hpp"
#include "ovs-agent/adapters/journal_file.hpp"
#include "ovs-agent/adapters/kernel.hpp"
#include "ovs-agent/adapters/node_switch.hpp"
#include "ovs-agent/adapters/remembered_destinations.hpp"
#include "ovs-agent/adapters/spoof_watch.hpp"
#include "ovs-agent/adapters/switch_trace.hpp"
#include "ovs-agent/adapters/views.hpp"
#include "ovs-agent/app/destinations.hpp"
#include "ovs-agent/app/given_ports.hpp"
#include "ovs-agent/app/inventory_report.hpp"
#include "ovs-agent/app/path_trace.hpp"
#include "ovs-agent/app/reconciler.hpp"
#include "ovs-agent/app/repairs.hpp"
#include "ovs-agent/app/tunnel_peers.hpp"
#include "ovs-agent/app/vip_health.hpp"
#include "ovs-agent/config.hpp"
#include "ovs-agent/doctor/doctor.hpp"
#include "ovs-agent/domain/may_delete.hpp"
#include "ovs-agent/replay.hpp"

namespace {

using namespace mooring;
using namespace mooring::agent;

class Agent {
 public:
  Agent(asio::io_context& io, const Config& config)
      : state_(io.get_executor(), config.name, kernel_boot_id(), destination_settings(config)),
        journal_(config.state_dir + "/journal"),
        notes_(config.state_dir),
        switch_(state_,
                SwitchSettings{config.ovsdb, config.ovs_run_dir, config.datapath, config.underlay_interface,
                               config.underlay_state(), config.vtep,
                               [this](std::chrono::nanoseconds took) { install_.observe(took); }},
                kernel_,
                [this](const ovs::Flow& flow) { return may_delete(flow, state_.directory, state_.ovsdb_read); }),
        flows_(state_.executor, FlowPlan(state_.directory, state_.ports, host_settings(config), state_.destinations),
               switch_.br_int(), switch_.br_tun()),
        destinations_(
            state_, flows_, switch_.packets(), [this] { return watch_.status().connected; },
            [path = config.destinations()](const auto& keys) { remember_destinations(path, keys); }),
        table_(state_, flows_, kernel_),
        checkpoint_(state_.executor, state_.directory, config.checkpoint()),
        watch_(state_.executor, state_.directory, watch_settings(config), watch_callbacks()),
        controller_(state_.executor, config.name, config.controller, config.token,
                    [this] { return watch_.status().connected; }),
        spoof_watch_(state_, fmt::format("unix:{}/{}.mgmt", config.ovs_run_dir, integration_bridge), config.controller,
                     config.token),
        releases_(state_, controller_, journal_),
        given_(state_, table_, releases_, controller_, kernel_, journal_, switch_,
               GivenPorts::Settings{config.block_pool, config.block_size, config.controller_heard()}),
        parts_{state_, table_, flows_, releases_, controller_, kernel_, journal_, notes_, given_, config.ovsdb},
        attachments_(parts_),
        delegated_(parts_, attachments_),
        leftovers_(parts_, attachments_, delegated_, switch_),
        readiness_(parts_, attachments_),
        inventory_(parts_, attachments_),
        repairs_(parts_, attachments_, switch_),
        switch_trace_(state_.executor, config.ovs_run_dir),
        trace_(parts_, switch_trace_, config.vtep),
        vip_health_(state_, [this](ipam_api::Json report,
                                   Deadline deadline) { return controller_.report_vips(std::move(report), deadline); }),
        reconciler_(parts_, attachments_, leftovers_, delegated_, switch_),
        views_(parts_, attachments_, ViewSources{config, switch_, watch_, destinations_}),
        metrics_(parts_, attachments_, ViewSources{config, switch_, watch_, destinations_}, kernel_, install_),
        metrics_door_(state_.executor, collect_metrics()),
        socket_(state_.executor, AgentSocket::Calls{attachments_, delegated_, leftovers_, readiness_},
                AgentSocket::Views{[this] { return views_.status(); }, [this] { return views_.ports(); },
                                   [this] { return views_.flows(); }, collect_metrics()}) {
    for (const auto& [id, release] : journal_.state().owed) {  // promised by an earlier life: not ports again
      state_.detached[release.attachment] = release.generation == 0 ? std::nullopt : std::optional(release.generation);
    }
    switch_.on({[this](auto ovsdb) { table_.ovsdb_changed(std::move(ovsdb)); },
                [this] { table_.sync_host_routes(true); },
                [this](const ovs::DesiredFlows& actual) { destinations_.take_up(actual); },
                [this](std::vector<ovs::PacketIn> packets) { destinations_.received(packets); }});
  }

  Result<void> start(const Config& config) {
    if (auto listening = socket_.listen(config.socket); !listening) {
      return listening.error().within("--socket");
    }
    if (config.metrics_listen) {
      if (auto listening = metrics_door_.listen(*config.metrics_listen); !listening) {
        return listening.error().within("--metrics-listen");
      }
      spdlog::info("metrics on {}", config.metrics_listen->str());
    }
    if (checkpoint_.restore()) {
      restore_destinations(state_, remembered_destinations(config.destinations(), config.max_destinations),
                           config.vtep);
      directory_changed(state_.directory.take_changes());
    }
    flows_.refresh_all();
    desire_spoof_copies(switch_.br_int());
    asio::co_spawn(state_.executor, checkpoint_.run(), asio::detached);
    asio::co_spawn(state_.executor, switch_.run(), asio::detached);
    asio::co_spawn(state_.executor, destinations_.run(), asio::detached);
    asio::co_spawn(state_.executor, watch_.run(), asio::detached);
    asio::co_spawn(state_.executor, releases_.run(), asio::detached);
    asio::co_spawn(state_.executor, reconciler_.run(), asio::detached);
    asio::co_spawn(state_.executor, inventory_.run(), asio::detached);
    asio::co_spawn(state_.executor, given_.run(), asio::detached);
    asio::co_spawn(state_.executor, spoof_watch_.run(), asio::detached);
    asio::co_spawn(state_.executor, vip_health_.run(), asio::detached);
    asio::co_spawn(state_.executor, look_again(), asio::detached);
    return ok();
  }

  void stop() {
    metrics_door_.stop();
    socket_.stop();
  }

 private:
  // A replay (replay.hpp) may have been at work when this agent started, with an older directory.
  asio::awaitable<void> look_again() {
    asio::steady_timer pause(state_.executor, after(std::chrono::seconds(15)));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto read = co_await flows_.read_back(std::chrono::seconds(5));
    if (!read) {
      spdlog::debug("reading the flows back: {}", read.error().text());  // a switch that comes back is read anyway
    }
  }
  metrics::Collect collect_metrics() {
    return [this](std::function<void(std::string)> done) { metrics_.collect(std::move(done)); };
  }
  static directory::WatchClientSettings watch_settings(const Config& config) {
    directory::WatchClientSettings settings;
    settings.role = ipam_api::Role::node;
    settings.name = config.name;
    settings.registration.machine_id = config.machine_id;
    settings.registration.vtep = config.vtep;
    settings.registration.version = MOORING_VERSION;
    settings.registration.zone = config.zone;
    settings.registration.boot_id = kernel_boot_id();
    settings.registration.labels = config.labels;
    settings.controller = config.controller;
    settings.token = config.token;
    return settings;
  }
  directory::WatchClientCallbacks watch_callbacks() {
    directory::WatchClientCallbacks callbacks;
    callbacks.changed = [this](const directory::Changes& changes) { directory_changed(changes); };
    callbacks.answer = [this](std::string question, ipam_api::Json arguments) {
      return answer(std::move(question), std::move(arguments));
    };
    callbacks.registered = [this](const ipam_api::RegistrationAnswer& answer) {
      inventory_.registered(answer.incarnation);
    };
    callbacks.refused = [](const Error& error) { spdlog::error("the controller refuses this node: {}", error.text()); };
    callbacks.connected = [this](bool connected) {
      spdlog::info("the controller is {}", connected ? "there" : "away");
      state_.changed.notify();
    };
    return callbacks;
  }
  asio::awaitable<Result<ipam_api::Json>> answer(std::string question, ipam_api::Json arguments) {
    if (question == "inventory") {
      co_return to_json(inventory_.take());
    }
    if (question == "repair") {
      co_return co_await repairs_.carry_out(std::move(arguments));
    }
    if (question == "trace") {
      co_return co_await trace_.answer(std::move(arguments));
    }
    co_return Error(Errc::unsupported, fmt::format("answering the question '{}': not known", question));
  }
  void directory_changed(const directory::Changes& changes) {
    if (switch_.br_tun().counters().held != 0) {
      destinations_.take_up(switch_.br_tun().actual());  // what was kept until the directory knew
    }
    table_.directory_changed(changes);
    destinations_.directory_changed(changes);
    switch_.set_gateways(directory::gateway_ports(state_.directory), state_.directory.complete());
    if (!changes.nodes.empty() || !changes.gateways.empty()) {
      switch_.set_peers(tunnel_peers(state_.directory, state_.node));
    }
  }

  NodeState state_;
  metrics::Histogram install_{{0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2.5, 5}};
  Kernel kernel_;
  JournalFile journal_;
  DeletedNotes notes_;
  NodeSwitch switch_;
  FlowProgram flows_;
  Destinations destinations_;
  PortTable table_;
  directory::Checkpoint checkpoint_;
  directory::WatchClient watch_;
  Controller controller_;
  SpoofWatch spoof_watch_;
  ReleaseQueue releases_;
  GivenPorts given_;
  Attachments::Parts parts_;
  Attachments attachments_;
  DelegatedPorts delegated_;
  Leftovers leftovers_;
  Readiness readiness_;
  InventoryReport inventory_;
  Repairs repairs_;
  SwitchTrace switch_trace_;
  PathTrace trace_;
  VipHealth vip_health_;
  Reconciler reconciler_;
  Views views_;
  AgentMetrics metrics_;
  metrics::Door metrics_door_;
  AgentSocket socket_;
};

int run(const Config& config) {
  std::filesystem::create_directories(config.state_dir);
  std::filesystem::create_directories(std::filesystem::path(config.socket).parent_path());
  asio::io_context io(1);
  Agent agent(io, config);
  if (const auto started = agent.start(config); !started) {
    spdlog::critical("starting: {}", started.error().text());
    return 1;
  }
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) {
    agent.stop();  // flows and ports stay: the node's containers go on
    io.stop();
  });
  spdlog::info("ready: node {}, VTEP {}, socket {}", config.name, config.vtep.str(), config.socket);
  io.run();
  // Tasks that wait refer to the agent, and their timers to the io_context: neither can go first. Everything that must
  // last is on the disk already.
  spdlog::info("ended");
  spdlog::shutdown();
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  // OVSDB or the switch may die while libopenvswitch writes to it: that is an error code.
  std::signal(SIGPIPE, SIG_IGN);
  mooring::ovs::initialise("mooring-agent");  // needs the process to have one thread
  int exit_code = 0;
  const auto config = read_config(argc, argv, exit_code);
  if (!config) {
    return exit_code;
  }
  spdlog::set_level(spdlog::level::from_str(config->log_level));
  spdlog::flush_on(spdlog::level::info);
  try {
    if (!config->doctor.empty()) {
      spdlog::set_level(spdlog::level::err);
      return doctor::run(*config, std::cout);
    }
    if (config->replay) {
      return replay(*config, std::cout);
    }
    return run(*config);
  } catch (const std::exception& problem) {
    spdlog::critical("mooring-agent ends: {}", problem.what());
    return 1;
  }
}
