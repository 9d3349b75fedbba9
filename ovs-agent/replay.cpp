#include "ovs-agent/replay.hpp"

#include <exception>
#include <ostream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/directory/checkpoint.hpp"
#include "mooring/http/blocking_client.hpp"
#include "ovs-agent/adapters/kernel.hpp"
#include "ovs-agent/adapters/node_switch.hpp"
#include "ovs-agent/adapters/remembered_destinations.hpp"
#include "ovs-agent/adapters/spoof_watch.hpp"
#include "ovs-agent/app/destinations.hpp"
#include "ovs-agent/app/port_table.hpp"
#include "ovs-agent/app/tunnel_peers.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::seconds patience{10};  // main.cpp looks at the flows again after a longer time
constexpr std::chrono::seconds agent_patience{1};

// One that hangs programs nothing: only an answer counts.
bool agent_lives(const Config& config) {
  http::BlockingClient agent(http::Endpoint::unix_socket(config.socket));
  return agent.request("GET", "/v1/status", "", after(agent_patience)).has_value();
}

Error error_of(const std::exception_ptr& problem) {
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& known) {
    return Error(Errc::internal, fmt::format("replaying the flows: {}", known.what()));
  }
}

class Replay {
 public:
  Replay(asio::io_context& io, const Config& config)
      : config_(config),
        state_(io.get_executor(), config.name, kernel_boot_id(), destination_settings(config)),
        switch_(state_,
                SwitchSettings{config.ovsdb, config.ovs_run_dir, config.datapath, config.underlay_interface,
                               config.underlay_state(), config.vtep, [](std::chrono::nanoseconds) {}},
                kernel_, [](const ovs::Flow&) { return false; }),
        flows_(state_.executor, FlowPlan(state_.directory, state_.ports, host_settings(config), state_.destinations),
               switch_.br_int(), switch_.br_tun()),
        table_(state_, flows_, kernel_),
        checkpoint_(state_.executor, state_.directory, config.checkpoint()) {
    switch_.on({[this](auto ovsdb) { table_.ovsdb_changed(std::move(ovsdb)); },
                [this] { table_.sync_host_routes(true); }, [](const ovs::DesiredFlows&) {},
                [](std::vector<ovs::PacketIn>) {}});
  }

  asio::awaitable<Result<std::string>> carry_out() {
    if (!checkpoint_.restore()) {
      co_return Error(Errc::not_found, "replaying the flows: there is no directory on the disk",
                      "start mooring-agent: it gets one from the controller");
    }
    restore_destinations(state_, remembered_destinations(config_.destinations(), config_.max_destinations),
                         config_.vtep);
    table_.directory_changed(state_.directory.take_changes());
    flows_.refresh_all();
    desire_spoof_copies(switch_.br_int());
    switch_.set_peers(tunnel_peers(state_.directory, state_.node));
    switch_.set_gateways(directory::gateway_ports(state_.directory), false);
    asio::co_spawn(state_.executor, switch_.run(), asio::detached);
    const Deadline deadline = after(patience);
    while (!state_.ovsdb_read || !state_.bridges_ready) {
      const bool notified = co_await state_.changed.wait(deadline);
      if (!notified) {
        co_return Error(Errc::timeout,
                        "replaying the flows: " + (state_.switch_problem.empty() ? std::string("OVSDB does not answer")
                                                                                 : state_.switch_problem));
      }
    }
    const auto in_place = co_await flows_.read_back(patience);
    if (!in_place) {
      co_return in_place.error().within("replaying the flows");
    }
    co_return fmt::format("flows of {} ports and {} destinations are in place, as of revision {}", state_.ports.size(),
                          state_.destinations.size(), state_.directory.revision());
  }

 private:
  const Config& config_;
  NodeState state_;
  Kernel kernel_;
  NodeSwitch switch_;
  FlowProgram flows_;
  PortTable table_;
  directory::Checkpoint checkpoint_;
};

}  // namespace

int replay(const Config& config, std::ostream& out) {
  if (agent_lives(config)) {
    out << "mooring-agent is running: it replays the flows itself\n";
    return 0;
  }
  asio::io_context io(1);
  Replay replay(io, config);
  std::optional<Result<std::string>> outcome;
  auto work = replay.carry_out();
  asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& problem, Result<std::string> done) {
    outcome = problem ? Result<std::string>(error_of(problem)) : std::move(done);
    io.stop();
  });
  io.run();
  if (*outcome) {
    out << **outcome << std::endl;
  } else {
    spdlog::error("{}", outcome->error().text());
  }
  // As in main.cpp: tasks that wait refer to what would go first.
  spdlog::shutdown();
  std::_Exit(*outcome ? 0 : 1);
}

}  // namespace mooring::agent
