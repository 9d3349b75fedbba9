// mooring-gateway: the wiring.
#include <csignal>
#include <filesystem>
#include <iostream>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "mooring/metrics/door.hpp"
#include "mooring/ovs/library.hpp"
#include "overlay-gateway/adapters/kernel_foot.hpp"
#include "overlay-gateway/adapters/nftables.hpp"
#include "overlay-gateway/adapters/segment.hpp"
#include "overlay-gateway/adapters/segment_tap.hpp"
#include "overlay-gateway/adapters/vty.hpp"
#include "overlay-gateway/app/gateway.hpp"
#include "overlay-gateway/app/status_door.hpp"
#include "overlay-gateway/config.hpp"
#include "overlay-gateway/domain/evpn_leaf.hpp"

namespace {

using namespace mooring;
using namespace mooring::gateway;

Result<net::Ipv4Address> find_vtep(const Config& config) {
  if (!config.vtep.empty()) {
    return net::Ipv4Address::parse(config.vtep);
  }
  underlay::PhysicalBridgeSettings settings;
  settings.nic = config.underlay_interface;
  settings.state_file = config.state_dir + "/underlay.json";
  return underlay::address_of(settings);
}

// The leaf is the router that the gateway tells of the overlay.
std::string evpn_leaf(const Config& config) {
  EvpnLeaf leaf;
  leaf.network = config.network;
  leaf.vni = *config.evpn_leaf;
  leaf.gateway_as = config.bgp->as;
  leaf.leaf_as = config.bgp->neighbors.front().as;
  leaf.gateways = KernelFoot(config.physical_interface).physical_addresses().all();
  return evpn_leaf_text(leaf);
}

int refuse_to_start(const Error& error) {
  std::cerr << "mooring-gateway: " << error.text() << "\n";
  return 1;
}

int run(const Config& config) {
  boost::asio::io_context io(1);
  std::filesystem::create_directories(config.state_dir);
  std::filesystem::create_directories(std::filesystem::path(config.socket).parent_path());
  for (const auto& [name, option] : {std::pair(config.underlay_interface, "underlay-interface"),
                                     std::pair(config.physical_interface, "physical-interface"),
                                     std::pair(config.bridge_interface, "bridge-interface")}) {
    if (name.empty()) {
      continue;
    }
    if (const auto present = check_interface(name, option); !present) {
      return refuse_to_start(present.error());
    }
  }
  if (config.evpn_leaf) {
    std::cout << evpn_leaf(config);
    return 0;
  }
  const auto vtep = find_vtep(config);
  if (!vtep) {
    return refuse_to_start(vtep.error().within("option --vtep"));
  }

  KernelFoot foot(config.physical_interface);
  Nftables nat;
  Vty bgpd(io.get_executor(), config.bgp_socket);
  SegmentTap segment(config.physical_interface);
  SegmentTap trunk_segment(config.bridge_interface);
  KernelSegment trunk(config.state_dir + "/keepalived.conf", config.keepalived_pid);
  Gateway gateway(io, {foot, nat, bgpd, trunk, &segment, config.bridge_interface.empty() ? nullptr : &trunk_segment},
                  config, *vtep);
  StatusDoor door(io.get_executor(), gateway);
  metrics::Door metrics_door(io.get_executor(), collect_from(gateway));
  if (config.metrics_listen) {
    if (const auto open = metrics_door.listen(*config.metrics_listen); !open) {
      return refuse_to_start(open.error().within("option --metrics-listen"));
    }
    spdlog::info("metrics on {}", config.metrics_listen->str());
  }
  int exit_code = 0;
  const auto stop = [&] {
    metrics_door.stop();
    door.close();
    gateway.stop();
  };
  gateway.start([&] {
    if (const auto open = door.open(config.socket); !open) {
      exit_code = refuse_to_start(open.error());
      boost::asio::post(io, [&io] { io.stop(); });
      return;
    }
    spdlog::info("ready: {} joins network {} (VTEP {}) and {}", config.name, config.network, vtep->str(),
                 config.physical_interface);
  });
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code, int) {
    spdlog::info("stopping; switch and kernel stay as they are");
    stop();
    io.stop();
  });
  io.run();
  stop();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const ParsedConfig parsed = parse_config(argc, argv);
  if (parsed.exit_code) {
    return *parsed.exit_code;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("mooring-gateway"));
  spdlog::set_level(spdlog::level::from_str(parsed.config.log_level));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  // OVSDB or the switch may die while libopenvswitch writes to it: that is an error code.
  std::signal(SIGPIPE, SIG_IGN);
  ovs::initialise("mooring-gateway");
  try {
    return run(parsed.config);
  } catch (const std::exception& broken) {
    spdlog::critical("{}", broken.what());
    return 1;
  }
}
