// Open vSwitch: its database, vswitchd, the node's bridges, and whether they hold the flows that they should.
#include <filesystem>
#include <sstream>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "mooring/directory/gateway_ports.hpp"
#include "mooring/ovs/openflow.hpp"
#include "mooring/ovs/ovsdb.hpp"
#include "mooring/ovs/unixctl.hpp"
#include "mooring/underlay/tunnel.hpp"
#include "ovs-agent/doctor/examination.hpp"
#include "ovs-agent/domain/desired_flows.hpp"

namespace mooring::agent::doctor {
namespace {

constexpr std::chrono::milliseconds patience{3000};
constexpr const char* start_ovs = "systemctl start openvswitch-switch";
constexpr std::size_t shown_flows = 3;

// Runs callbacks until `done`, or for `patience`.
template <class Done>
bool wait_for(boost::asio::io_context& io, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto work = boost::asio::make_work_guard(io);
  io.restart();  // the wait before this one has ended it
  while (!done() && std::chrono::steady_clock::now() < deadline) {
    io.run_one_until(deadline);
  }
  return done();
}

ovs::Post post_to(boost::asio::io_context& io) {
  return [&io](std::function<void()> work) { boost::asio::post(io, std::move(work)); };
}

struct WantedPort {
  const char* bridge;
  const char* name;
  const char* type;
  std::uint32_t ofport;
};
constexpr WantedPort wanted_ports[] = {
    {integration_bridge, port::patch_to_tunnel_name, "patch", port::patch_to_tunnel},
    {integration_bridge, port::host_name, "internal", port::host},
    {tunnel_bridge, port::patch_to_integration_name, "patch", port::patch_to_integration},
    {tunnel_bridge, underlay::tunnel_port_name, "vxlan", port::vxlan},
};

// What is wrong with a port; "" = nothing.
std::string fault_of(const ovs::OvsdbState& state, const WantedPort& wanted) {
  const auto* interface = state.interface(wanted.bridge, wanted.name);
  if (interface == nullptr) {
    return "is not there";
  }
  if (!interface->error.empty()) {
    return interface->error;
  }
  if (interface->type != wanted.type) {
    return fmt::format("is of type '{}', should be '{}'", interface->type, wanted.type);
  }
  if (!interface->ofport) {
    return "has not been opened by vswitchd";
  }
  return *interface->ofport == wanted.ofport
             ? std::string()
             : fmt::format("has OpenFlow port {}, should have {}", *interface->ofport, wanted.ofport);
}

// From the agent's own words, or, while it is down, from its checkpoint and OVSDB as it would when it starts.
ovs::DesiredFlows flows_by_agent(const std::string& text, const std::string& bridge) {
  ovs::DesiredFlows flows;
  std::istringstream lines(text);
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) {
      section = line.substr(2);
    } else if (section == bridge) {
      if (auto flow = ovs::parse_flow(line)) {
        flows.put(std::move(*flow));
      }
    }
  }
  return flows;
}

LocalPorts ports_in(const ovs::OvsdbState& state) {
  LocalPorts ports;
  if (const auto* bridge = state.bridge(integration_bridge)) {
    for (const auto& [name, interface] : bridge->interfaces) {
      auto record = record_from(interface->external_ids);
      if (record && interface->ofport) {
        LocalPort port;
        port.record = std::move(*record);
        port.interface = name;
        port.ofport = *interface->ofport;
        port.in_ovsdb = true;
        port.confirmed = true;
        ports.put(std::move(port));
      }
    }
  }
  return ports;
}

ovs::DesiredFlows flows_by_records(const Examination& node, const std::string& bridge) {
  const LocalPorts ports = ports_in(*node.ovsdb);
  const WorkingSet none;  // destinations come with traffic: those in the switch are more than these flows
  const FlowPlan plan(node.directory, ports, host_settings(node.config), none);
  ovs::DesiredFlows flows;
  for (const FlowGroup& group : plan.all_groups()) {
    const FlowLines lines = plan.lines(group);
    for (const std::string& line : bridge == integration_bridge ? lines.br_int : lines.br_tun) {
      if (auto flow = ovs::parse_flow(line)) {
        flows.put(std::move(*flow));
      }
    }
  }
  return flows;
}

Result<ovs::DesiredFlows> flows_in(const std::string& target) {
  boost::asio::io_context io;
  bool connected = false;
  std::optional<Result<std::vector<ovs::FlowEntry>>> dump;
  ovs::FlowChannel::Callbacks callbacks;
  callbacks.connected = [&connected] { connected = true; };
  callbacks.disconnected = [](const Error&) {};
  ovs::OpenFlow channel(target, post_to(io), std::move(callbacks));
  if (!wait_for(io, [&] { return connected; })) {
    return Error(Errc::unavailable, target + " does not answer", start_ovs);
  }
  channel.dump(patience, [&dump](Result<std::vector<ovs::FlowEntry>> entries) { dump = std::move(entries); });
  if (!wait_for(io, [&] { return dump.has_value(); })) {
    return Error(Errc::timeout, target + " does not tell its flows");
  }
  if (!*dump) {
    return dump->error();
  }
  ovs::DesiredFlows flows;
  for (auto& entry : **dump) {
    flows.put(std::move(entry.flow));
  }
  return flows;
}

void compare_flows(Examination& node, const char* bridge) {
  const auto actual = flows_in(fmt::format("unix:{}/{}.mgmt", node.config.ovs_run_dir, bridge));
  if (!actual) {
    node.findings.fail("flows", fmt::format("{}: {}", bridge, actual.error().message()), start_ovs);
    return;
  }
  const auto desired = node.agents_flows ? flows_by_agent(*node.agents_flows, bridge) : flows_by_records(node, bridge);
  std::size_t missing = 0;
  std::string some;
  for (const auto& [key, flow] : desired) {
    const auto* there = actual->find(key);
    if (there == nullptr || there->actions != flow.actions) {
      some += missing++ < shown_flows ? (some.empty() ? "" : "; ") + key.str() : "";
    }
  }
  std::size_t more = 0;
  for (const auto& [key, flow] : *actual) {
    more += desired.find(key) == nullptr ? 1U : 0U;
  }
  const char* source = node.agents_flows ? "the agent's" : "the records'";
  if (missing > 0) {
    node.findings.fail(
        "flows",
        fmt::format("{}: {} of {} {} flows are missing or differ: {}", bridge, missing, desired.size(), source, some),
        node.agents_flows ? "something else changes this bridge; systemctl restart mooring-agent puts "
                            "them right without losing a packet"
                          : "systemctl start mooring-agent puts them right");
    return;
  }
  node.findings.ok("flows", fmt::format("{}: all {} of {} flows are there{}", bridge, desired.size(), source,
                                        more == 0 ? "" : fmt::format(", and {} more", more)));
}

// Of a node that has ports to gateways: which of them its switch holds for alive.
void check_gateways(Examination& node) {
  const auto* bridge = node.ovsdb->bridge(tunnel_bridge);
  std::size_t alive = 0;
  std::string dead;
  for (const auto& gateway : directory::gateway_ports(node.directory)) {
    const auto* interface = bridge == nullptr ? nullptr : node.ovsdb->interface(tunnel_bridge, gateway.interface);
    if (interface != nullptr && interface->bfd_forwarding) {
      ++alive;
    } else {
      dead += (dead.empty() ? "" : ", ") + gateway.gateway;
    }
  }
  if (!dead.empty()) {
    node.findings.warn("gateways", fmt::format("{} answer BFD, {} not", alive, dead),
                       "drained, or down: look at mooring-gateway and ovs-vswitchd there; ovs-appctl bfd/show here");
  } else if (alive > 0) {
    node.findings.ok("gateways", fmt::format("{} answer BFD", alive));
  }
}

}  // namespace

void check_ovsdb(Examination& node) {
  boost::asio::io_context io;
  std::shared_ptr<const ovs::OvsdbState> state;
  const ovs::Ovsdb database(node.config.ovsdb, post_to(io), [&state](std::shared_ptr<const ovs::OvsdbState> now) {
    if (now->connected) {
      state = std::move(now);
    }
  });
  if (!wait_for(io, [&] { return state != nullptr; })) {
    node.findings.fail("ovsdb", node.config.ovsdb + " does not answer", start_ovs);
    return;
  }
  node.ovsdb = state;
  node.findings.ok("ovsdb", fmt::format("{} answers: {} bridges", node.config.ovsdb, state->bridges.size()));
}

void check_vswitchd(Examination& node) {
  const auto socket = ovs::vswitchd_control_socket(node.config.ovs_run_dir);
  const auto answer = socket ? ovs::unixctl_call(*socket, "version", {}, patience) : socket;
  if (!answer) {
    node.findings.fail("vswitchd", answer.error().message(),
                       "systemctl restart openvswitch-switch: on the userspace datapath no packet moves without it");
    return;
  }
  node.findings.ok("vswitchd", answer->substr(0, answer->find('\n')));
}

void check_bridges(Examination& node) {
  if (!node.ovsdb) {
    return;  // said already
  }
  const auto datapath = underlay::choose_datapath(node.config.datapath, *node.ovsdb);
  if (!datapath) {
    node.findings.fail("datapath", datapath.error().message(), datapath.error().hint());
  } else {
    node.userspace = *datapath == underlay::Datapath::netdev;
    const std::string wanted = underlay::to_string(*datapath);
    const std::string text =
        fmt::format("{} ({})", wanted, node.userspace ? "userspace: one core carries all traffic" : "the kernel's");
    node.findings.ok("datapath", text);
    for (const char* name : {integration_bridge, tunnel_bridge}) {
      const auto* bridge = node.ovsdb->bridge(name);
      if (bridge == nullptr) {
        node.findings.fail("bridges", fmt::format("{} is not there", name), "mooring-agent makes it: is it running?");
      } else if (bridge->datapath_type != wanted || bridge->fail_mode != "secure") {
        node.findings.fail("bridges",
                           fmt::format("{} has datapath_type '{}' and fail_mode '{}', should have '{}' and 'secure'",
                                       name, bridge->datapath_type, bridge->fail_mode, wanted),
                           "mooring-agent puts it right: is it running?");
      }
    }
  }
  std::size_t good = 0;
  for (const WantedPort& wanted : wanted_ports) {
    if (const std::string fault = fault_of(*node.ovsdb, wanted); fault.empty()) {
      ++good;
    } else {
      node.findings.fail("bridges", fmt::format("port {} of {} {}", wanted.name, wanted.bridge, fault),
                         "ovs-vswitchd's log says more; mooring-agent makes what is missing");
    }
  }
  std::size_t pods = 0;
  std::size_t lost = 0;
  if (const auto* bridge = node.ovsdb->bridge(integration_bridge)) {
    for (const auto& [name, interface] : bridge->interfaces) {
      if (record_from(interface->external_ids)) {
        ++pods;
        lost += std::filesystem::exists("/sys/class/net/" + name) ? 0U : 1U;
      }
    }
  }
  if (good == std::size(wanted_ports)) {
    node.findings.ok("bridges", fmt::format("{}, {}, their ports and {} pods' ports are there", integration_bridge,
                                            tunnel_bridge, pods));
  }
  check_gateways(node);
  if (lost > 0) {
    node.findings.warn("bridges", fmt::format("{} of {} pods' ports have no link any more", lost, pods),
                       "mooring-agent gives them back within seconds; if this stays: mooringctl fsck");
  }
}

void check_flows(Examination& node) {
  if (!node.ovsdb) {
    return;
  }
  if (!node.agents_flows && !node.knows_directory) {
    node.findings.warn("flows", "neither the agent nor its checkpoint says which there should be",
                       "systemctl start mooring-agent");
    return;
  }
  for (const char* bridge : {integration_bridge, tunnel_bridge}) {
    compare_flows(node, bridge);
  }
}

}  // namespace mooring::agent::doctor
