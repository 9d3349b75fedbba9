#include "ovs-agent/adapters/node_switch.hpp"

#include <algorithm>
#include <iterator>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/metrics/timed_channel.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds look_interval{1'000};  // a tap that died with vswitchd tells nobody
constexpr std::chrono::milliseconds least_interval{50};
constexpr std::chrono::milliseconds retry_interval{300};

ovs::Post post_to(const asio::any_io_executor& executor) {
  return [executor](std::function<void()> work) { asio::post(executor, std::move(work)); };
}

std::string management_of(const SwitchSettings& settings, const char* bridge) {
  return fmt::format("unix:{}/{}.mgmt", settings.run_dir, bridge);
}

ovs::FlowSync::Dial dial_bridge(const SwitchSettings& settings, const NodeState& state, const char* bridge) {
  return ovs::dial_openflow(management_of(settings, bridge), post_to(state.executor));
}

std::unique_ptr<ovs::FlowSync> flow_sync(const SwitchSettings& settings, NodeState& state, const char* bridge,
                                         ovs::MayDelete may_delete,
                                         std::function<void(const ovs::DesiredFlows&)> found) {
  ovs::FlowSync::Options options;
  options.found = std::move(found);
  options.bridge = bridge;
  options.may_delete = std::move(may_delete);
  options.refused = [bridge](const ovs::Flow& flow, const Error& error) {
    spdlog::error("programming {}: '{}' was refused: {}", bridge, flow.str(), error.text());
  };
  options.meter_refused = [bridge](const ovs::Meter& meter, const Error& error) {
    spdlog::error("programming {}: '{}' was refused: {}", bridge, meter.str(), error.text());
  };
  options.group_refused = [bridge](const ovs::Group& group, const Error& error) {
    spdlog::error("programming {}: '{}' was refused: {}", bridge, group.text, error.text());
  };
  options.in_line_changed = [bridge, &state](bool in_line) {
    spdlog::debug("flows of {} are {}", bridge, in_line ? "in line" : "being changed");
    state.changed.notify();
  };
  return std::make_unique<ovs::FlowSync>(metrics::timed(dial_bridge(settings, state, bridge), settings.bundle_took),
                                         std::move(options));
}

ovs::AddPort patch(const char* bridge, const char* name, const char* peer, std::uint32_t ofport) {
  ovs::AddPort port;
  port.bridge = bridge;
  port.name = name;
  port.type = "patch";
  port.ofport_request = ofport;
  port.options = {{"peer", peer}};
  return port;
}

bool includes(const ovs::StringMap& all, const ovs::StringMap& part) {
  return std::all_of(part.begin(), part.end(), [&](const auto& item) {
    const auto found = all.find(item.first);
    return found != all.end() && found->second == item.second;
  });
}

class Held {
 public:
  explicit Held(const ovs::OvsdbState& state) : state_(state) {}
  bool operator()(const ovs::EnsureBridge& wanted) const {
    const auto* bridge = state_.bridge(wanted.name);
    return bridge != nullptr && (wanted.datapath_type.empty() || bridge->datapath_type == wanted.datapath_type) &&
           (wanted.fail_mode.empty() || bridge->fail_mode == wanted.fail_mode);
  }
  bool operator()(const ovs::AddPort& wanted) const {
    const auto* interface = state_.interface(wanted.bridge, wanted.name);
    return interface != nullptr && interface->type == wanted.type && includes(interface->options, wanted.options) &&
           includes(interface->bfd, wanted.bfd);
  }
  bool operator()(const ovs::DeleteBridge& unwanted) const { return state_.bridge(unwanted.name) == nullptr; }
  bool operator()(const ovs::DeletePort& unwanted) const {
    return state_.interface(unwanted.bridge, unwanted.name) == nullptr;
  }
  bool operator()(const ovs::SetOtherConfig& wanted) const {
    return includes(state_.other_config, wanted.other_config);
  }

 private:
  const ovs::OvsdbState& state_;
};

}  // namespace

bool holds(const ovs::OvsdbState& state, const std::vector<ovs::OvsdbOperation>& operations) {
  return std::all_of(operations.begin(), operations.end(),
                     [held = Held(state)](const auto& operation) { return std::visit(held, operation); });
}

NodeSwitch::NodeSwitch(NodeState& state, SwitchSettings settings, Kernel& kernel, ovs::MayDelete may_delete)
    : state_(state), settings_(std::move(settings)), kernel_(kernel) {
  br_int_ = flow_sync(settings_, state_, integration_bridge, may_delete, {});
  br_tun_ = flow_sync(settings_, state_, tunnel_bridge, may_delete, [this](const ovs::DesiredFlows& actual) {
    if (callbacks_.tunnel_flows_found) {
      callbacks_.tunnel_flows_found(actual);
    }
  });
  packets_ = std::make_unique<ovs::OpenFlowPackets>(management_of(settings_, tunnel_bridge), post_to(state_.executor),
                                                    [this](std::vector<ovs::PacketIn> packets) {
                                                      if (callbacks_.packets) {
                                                        callbacks_.packets(std::move(packets));
                                                      }
                                                    });
  ovsdb_ = std::make_unique<ovs::Ovsdb>(settings_.ovsdb, post_to(state_.executor),
                                        [this](std::shared_ptr<const ovs::OvsdbState> now) {
                                          if (callbacks_.ovsdb_changed) {
                                            callbacks_.ovsdb_changed(std::move(now));
                                          }
                                        });
}

ovs::FlowSync::Dial NodeSwitch::dial(const char* bridge) const {
  return dial_bridge(settings_, state_, bridge);
}

std::vector<ovs::OvsdbOperation> NodeSwitch::operations() const {
  const auto datapath = datapath_.value();
  ovs::AddPort host;
  host.bridge = integration_bridge;
  host.name = port::host_name;
  host.type = "internal";
  host.ofport_request = port::host;
  host.mac = host_mac;
  std::vector<ovs::OvsdbOperation> all = {
      underlay::flow_bridge(integration_bridge, datapath),
      underlay::flow_bridge(tunnel_bridge, datapath),
      patch(integration_bridge, port::patch_to_tunnel_name, port::patch_to_integration_name, port::patch_to_tunnel),
      patch(tunnel_bridge, port::patch_to_integration_name, port::patch_to_tunnel_name, port::patch_to_integration),
      underlay::tunnel_port(tunnel_bridge, port::vxlan, settings_.vtep),
      host,
  };
  if (physical_) {
    const auto underlay = physical_->operations();
    all.insert(all.begin(), underlay.begin(), underlay.end());
  }
  return all;
}

Result<void> NodeSwitch::ofports_as_wanted() const {
  struct Wanted {
    const char* bridge;
    const char* name;
    std::uint32_t ofport;
  };
  for (const auto& wanted : {Wanted{integration_bridge, port::patch_to_tunnel_name, port::patch_to_tunnel},
                             Wanted{integration_bridge, port::host_name, port::host},
                             Wanted{tunnel_bridge, port::patch_to_integration_name, port::patch_to_integration},
                             Wanted{tunnel_bridge, underlay::tunnel_port_name, port::vxlan}}) {
    const auto* interface = state_.ovsdb->interface(wanted.bridge, wanted.name);
    if (interface == nullptr || !interface->error.empty() || interface->ofport != wanted.ofport) {
      const auto why = interface == nullptr        ? std::string("is not there")
                       : !interface->error.empty() ? interface->error
                       : !interface->ofport
                           ? std::string("vswitchd has not opened it")
                           : fmt::format("has OpenFlow port {}, should have {}", *interface->ofport, wanted.ofport);
      return Error(Errc::unavailable, fmt::format("port {} of {}: {}", wanted.name, wanted.bridge, why),
                   "is ovs-vswitchd running? its log says more");
    }
  }
  return ok();
}

asio::awaitable<Result<void>> NodeSwitch::commit(std::string purpose, std::vector<ovs::OvsdbOperation> operations) {
  ovs::OvsdbTransaction transaction;
  transaction.purpose = std::move(purpose);
  transaction.operations = std::move(operations);
  Promise<Result<void>> done(state_.executor);
  ovsdb_->commit(std::move(transaction), [done](Result<void> result) { done.set(std::move(result)); });
  co_return co_await done.wait();
}

asio::awaitable<Result<void>> NodeSwitch::delete_ports(std::vector<std::string> interfaces) {
  std::vector<ovs::OvsdbOperation> deletions;
  for (auto& name : interfaces) {
    ovs::DeletePort port;
    port.bridge = integration_bridge;
    port.name = std::move(name);
    deletions.emplace_back(std::move(port));
  }
  co_return co_await commit("removing ports that are gone", std::move(deletions));
}

asio::awaitable<Result<void>> NodeSwitch::restore_ports(std::vector<LocalPort> ports) {
  const auto links = kernel_.links();
  if (!links) {
    co_return links.error();
  }
  std::vector<ovs::OvsdbOperation> additions;
  for (const auto& port : ports) {
    if (!links->contains(port.interface)) {
      continue;  // its container went meanwhile: reconciliation gives the address back
    }
    const auto ids = external_ids_of(port.record);
    ovs::AddPort row;
    row.bridge = integration_bridge;
    row.name = port.interface;
    row.ofport_request = port.ofport;
    row.external_ids = ovs::StringMap(ids.begin(), ids.end());
    row.external_ids[given_key] = port.record.given;  // what is not named would stay
    additions.emplace_back(std::move(row));
  }
  if (additions.empty()) {
    co_return ok();
  }
  co_return co_await commit("putting ports back into a new database", std::move(additions));
}

asio::awaitable<Result<void>> NodeSwitch::ensure() {
  const auto datapath = underlay::choose_datapath(settings_.datapath, *state_.ovsdb);
  if (!datapath) {
    co_return datapath.error();
  }
  if (datapath_ != *datapath) {
    spdlog::info("the datapath is {}", underlay::to_string(*datapath));
    datapath_ = *datapath;
    state_.userspace_datapath = *datapath == underlay::Datapath::netdev;
  }
  if (state_.userspace_datapath && !settings_.underlay_nic.empty() && !physical_) {
    underlay::PhysicalBridgeSettings underlay;
    underlay.nic = settings_.underlay_nic;
    underlay.state_file = settings_.underlay_state;
    underlay::PhysicalBridge physical(underlay);
    if (const auto remembered = physical.remember(); !remembered) {
      co_return remembered.error();
    }
    const auto& addresses = physical.remembered().addresses;
    if (std::none_of(addresses.begin(), addresses.end(),
                     [this](const auto& known) { return known.address == settings_.vtep; })) {
      co_return Error(Errc::invalid_config,
                      fmt::format("the VTEP {} is not an address of {}", settings_.vtep.str(), settings_.underlay_nic),
                      "change --vtep or --underlay-interface, or give the interface that address");
    }
    physical_ = std::move(physical);
  }
  auto wanted = operations();
  if (!holds(*state_.ovsdb, wanted)) {
    const auto done = co_await commit("making the node's bridges", std::move(wanted));
    if (!done) {
      co_return done.error();
    }
  }
  bool moved = false;
  if (physical_) {
    const auto taken = physical_->take_over();
    if (!taken) {
      co_return taken.error();
    }
    moved = *taken;
  }
  const auto made = kernel_.ensure_host_interface();
  if (!made) {
    co_return made.error();
  }
  if (*made) {
    moved = true;  // by a new vswitchd, whose ARP cache is empty
    if (callbacks_.host_interface_made) {
      callbacks_.host_interface_made();
    }
  }
  if (const auto numbers = ofports_as_wanted(); !numbers) {
    co_return numbers.error();
  }
  warm_up(moved);
  co_await ensure_gateway_ports();
  co_return ok();
}

// A node is ready without them: whatever a gateway's port lacks is the relay's trouble alone.
asio::awaitable<void> NodeSwitch::ensure_gateway_ports() {
  std::vector<ovs::OvsdbOperation> changes;
  for (const directory::GatewayPort& gateway : gateways_) {
    auto port = underlay::gateway_port(tunnel_bridge, gateway.interface, gateway.ofport, settings_.vtep, gateway.vtep);
    const auto* interface = state_.ovsdb->interface(tunnel_bridge, gateway.interface);
    if (!Held(*state_.ovsdb)(port) || interface->ofport != gateway.ofport) {
      changes.emplace_back(std::move(port));
    }
  }
  if (const auto* bridge = state_.ovsdb->bridge(tunnel_bridge); bridge != nullptr && gateways_complete_) {
    for (const auto& [name, interface] : bridge->interfaces) {
      const auto same = [&name = name](const directory::GatewayPort& gateway) { return gateway.interface == name; };
      if (name.starts_with(directory::gateway_port_prefix) && std::none_of(gateways_.begin(), gateways_.end(), same)) {
        ovs::DeletePort port;
        port.bridge = tunnel_bridge;
        port.name = name;
        changes.emplace_back(std::move(port));
      }
    }
  }
  std::string problem;
  if (!changes.empty()) {
    const auto done = co_await commit("making the ports to the gateways", std::move(changes));
    problem = done ? "" : done.error().text();
  }
  if (problem != gateway_problem_ && !problem.empty()) {
    spdlog::warn("{}", problem);
  }
  gateway_problem_ = problem;
}

void NodeSwitch::set_gateways(std::vector<directory::GatewayPort> gateways, bool complete) {
  if (gateways != gateways_ || complete != gateways_complete_) {
    gateways_ = std::move(gateways);
    gateways_complete_ = complete;
    state_.changed.notify();
  }
}

asio::awaitable<void> NodeSwitch::run() {
  const Deadline patience = after(look_interval);  // the first connection takes a moment: no reason to complain
  while (!state_.ovsdb->connected && std::chrono::steady_clock::now() < patience) {
    co_await state_.changed.wait(patience);
  }
  for (;;) {
    Result<void> done =
        Error(Errc::unavailable, "OVSDB does not answer at " + settings_.ovsdb, "is ovsdb-server running?");
    if (state_.ovsdb->connected) {
      done = co_await ensure();
    }
    const std::string problem = done ? "" : done.error().text();
    if (state_.switch_problem != problem || state_.bridges_ready != done.has_value()) {
      if (done) {
        spdlog::info("the node's bridges are ready");
      } else {
        spdlog::warn("the node's bridges are not ready: {}", problem);
      }
      state_.switch_problem = problem;
      state_.bridges_ready = done.has_value();
      if (done && callbacks_.host_interface_made) {
        callbacks_.host_interface_made();
      }
      state_.changed.notify();
    }
    // Not more often than least_interval, at once after that when something changed.
    asio::steady_timer pause(state_.executor, after(least_interval));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await state_.changed.wait(after(done ? look_interval : retry_interval));
  }
}

void NodeSwitch::set_peers(std::vector<net::Ipv4Address> peers) {
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  std::vector<net::Ipv4Address> added;
  std::set_difference(peers.begin(), peers.end(), peers_.begin(), peers_.end(), std::back_inserter(added));
  if (!added.empty()) {
    if (warmup_.settled()) {
      warming_.clear();
    }
    warming_.insert(warming_.end(), added.begin(), added.end());
    warmup_.begin_anew();
  }
  peers_ = std::move(peers);
}

void NodeSwitch::warm_up(bool all_anew) {
  if (!state_.userspace_datapath) {
    return;
  }
  if (all_anew) {
    warming_ = peers_;
    warmup_.begin_anew();
  }
  if (warmup_.due(std::chrono::steady_clock::now())) {
    underlay::warm_up_peers(settings_.vtep, warming_);
    if (warmup_.settled()) {
      warming_ = peers_;  // of the next regular round
    }
  }
}

}  // namespace mooring::agent
