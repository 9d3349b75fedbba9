#include "ovs-agent/config.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "mooring/ipam_api/names.hpp"
#include "mooring/metrics/door.hpp"
#include "mooring/underlay/physical_bridge.hpp"

namespace mooring::agent {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string own_hostname() {
  char name[256] = {};
  const std::string full = ::gethostname(name, sizeof name - 1) == 0 ? name : "";
  return full.substr(0, full.find('.'));
}

// As the options were written, before they are understood.
struct Options {
  std::string name = own_hostname();
  std::string machine_id;
  std::string vtep;
  std::string underlay_interface;
  std::string controller = "unix:/run/mooring/controller.sock";
  std::string token_file;
  std::vector<std::string> allow_host_cidrs;
  std::string zone;
  std::vector<std::string> labels;
  std::string metrics_listen;
  std::string block_pool;
};

[[noreturn]] void refuse(const std::string& option, const std::string& value, const Error& error) {
  throw CLI::ValidationError(fmt::format("{} '{}': {}", option, value, error.text()));
}

template <class T>
T understood(const std::string& option, const std::string& value, const Result<T>& result) {
  if (!result) {
    refuse(option, value, result.error());
  }
  return *result;
}

// What is wrong with it; "" is fine.
std::string pod_pattern(const std::string& text) {
  const auto slash = text.find('/');
  const bool fine = slash != std::string::npos && slash != 0 && slash + 1 != text.size() &&
                    text.find('/', slash + 1) == std::string::npos;
  return fine ? "" : fmt::format("'{}' names no pods: write NAMESPACE/HOSTNAME, like infra/dhcp-*", text);
}

ipam_api::Labels labels_from(const std::vector<std::string>& texts) {
  ipam_api::Json labels = ipam_api::Json::object();
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      refuse("--label", text, Error(Errc::invalid_argument, "is not NAME=VALUE", "like rack=7"));
    }
    const std::string name = text.substr(0, equals);
    if (labels.contains(name)) {
      refuse("--label", text, Error(Errc::invalid_argument, fmt::format("{} is given twice", name)));
    }
    labels[name] = text.substr(equals + 1);
    understood("--label", text, ipam_api::labels_from(labels));
  }
  return understood("--label", "", ipam_api::labels_from(labels));
}

void understand(const Options& options, Config& config) {
  config.name = understood("--name", options.name, ipam_api::parse_name("name", options.name));
  config.machine_id = options.machine_id.empty() ? first_line("/etc/machine-id") : options.machine_id;
  if (config.machine_id.empty()) {
    throw CLI::ValidationError("--machine-id: /etc/machine-id is empty; give one that stays over reboots");
  }
  config.underlay_interface = options.underlay_interface;
  if (!options.vtep.empty()) {
    config.vtep = understood("--vtep", options.vtep, net::Ipv4Address::parse(options.vtep));
  } else if (!options.underlay_interface.empty()) {
    underlay::PhysicalBridgeSettings underlay;
    underlay.nic = options.underlay_interface;
    underlay.state_file = config.underlay_state();
    config.vtep = understood("--underlay-interface", options.underlay_interface, underlay::address_of(underlay));
  } else {
    throw CLI::ValidationError("--vtep or --underlay-interface: one of the two must say where tunnels end");
  }
  config.controller = understood("--controller", options.controller, http::Endpoint::parse(options.controller));
  config.controller = understood("--controller", options.controller, http::resolved(config.controller));
  if (!options.token_file.empty()) {
    config.token = first_line(options.token_file);
    if (config.token.empty()) {
      throw CLI::ValidationError(
          fmt::format("--token-file '{}': cannot be read, or its first line is empty", options.token_file));
    }
  } else if (config.controller.kind() == http::Endpoint::Kind::tcp) {
    throw CLI::ValidationError(
        "--token-file: a controller over TCP asks for the node token; name the file that has it");
  }
  for (const auto& cidr : options.allow_host_cidrs) {
    config.allow_host_cidrs.push_back(understood("--allow-host-cidr", cidr, net::IpCidr::parse(cidr)));
  }
  if (!options.zone.empty()) {
    config.zone = understood("--zone", options.zone, ipam_api::parse_name("zone", options.zone));
  }
  config.labels = labels_from(options.labels);
  if (!options.block_pool.empty()) {
    config.block_pool =
        understood("--block-pool", options.block_pool, ipam_api::parse_name("pool", options.block_pool));
  }
  if (!options.metrics_listen.empty()) {
    config.metrics_listen =
        understood("--metrics-listen", options.metrics_listen, metrics::parse_listen(options.metrics_listen));
  }
}

}  // namespace

WorkingSet::Settings destination_settings(const Config& config) {
  WorkingSet::Settings settings;
  settings.capacity = config.max_destinations;
  settings.idle = std::chrono::seconds(config.destination_idle_seconds);
  settings.protect = std::min(settings.protect, settings.idle / 2);
  return settings;
}

HostSettings host_settings(const Config& config) {
  return {config.name, config.vtep, config.allow_host_cidrs, config.relay_packets_per_second, config.dhcp_servers};
}

std::optional<Config> read_config(int argc, const char* const* argv, int& exit_code) {
  Options options;
  Config config;
  CLI::App app("mooring-agent: the node's bridges, flows and ports");
  app.set_version_flag("--version", MOORING_VERSION);
  app.set_config("--config", "", "file with these options, one `name = value` a line");
  app.add_option("--name", options.name, "the node's name, unique in the installation [hostname]");
  app.add_option("--machine-id", options.machine_id, "stays over reboots [/etc/machine-id]");
  app.add_option("--vtep", options.vtep, "IPv4 address that tunnels end at [that of --underlay-interface]");
  app.add_option("--underlay-interface", options.underlay_interface,
                 "network interface towards the other nodes; with the userspace datapath it goes into br-phy");
  app.add_option("--controller", options.controller, "unix:PATH or http://ADDRESS:PORT")->capture_default_str();
  app.add_option("--token-file", options.token_file, "its first line is the node token; needed over TCP");
  app.add_option("--socket", config.socket, "the agent's own socket, for the CNI plugin")
      ->default_val("/run/mooring/agent.sock");
  app.add_option("--state-dir", config.state_dir, "folder of the journal")->default_val("/var/lib/mooring/agent");
  app.add_option("--ovsdb", config.ovsdb, "Open vSwitch database")->default_val("unix:/run/openvswitch/db.sock");
  app.add_option("--ovs-rundir", config.ovs_run_dir, "folder of BRIDGE.mgmt")->default_val("/run/openvswitch");
  app.add_option("--datapath", config.datapath, "auto: the kernel's if it is there; else system or netdev (userspace)")
      ->default_val("auto")
      ->check(CLI::IsMember({"auto", "system", "netdev"}));
  app.add_option("--allow-host-cidr", options.allow_host_cidrs,
                 "addresses of the host that pods may open connections to; can be repeated");
  app.add_option(
         "--dhcp-server", config.dhcp_servers,
         "NAMESPACE/HOSTNAME of pods that may send what DHCP servers answer, with * and ? as in file names; can be "
         "repeated")
      ->check(pod_pattern);
  app.add_option("--zone", options.zone, "where the node stands, for selectors of pools and rules");
  app.add_option("--label", options.labels, "NAME=VALUE, for selectors of pools and rules; can be repeated");
  app.add_option("--max-destinations", config.max_destinations,
                 "flows of br-tun for ports of other nodes at most; what does not fit is relayed by a gateway")
      ->default_val(4096)
      ->check(CLI::Range(16, 1'000'000));
  app.add_option("--destination-idle-seconds", config.destination_idle_seconds,
                 "such a flow goes when it was not used for so long, give or take a tenth")
      ->default_val(300)
      ->check(CLI::Range(1, 86'400));
  app.add_option("--relay-packets-per-second", config.relay_packets_per_second,
                 "what gateways relay of one container at most, to ports that have no flow yet")
      ->default_val(5000)
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--block-pool", options.block_pool,
                 "stateless pool that the node leases addresses of, for new pods while the controller is away");
  app.add_option("--block-size", config.block_size, "addresses that it keeps for that, about")
      ->default_val(16)
      ->check(CLI::Range(1, 4096));
  app.add_option("--metrics-listen", options.metrics_listen,
                 "ADDRESS:PORT or unix:PATH for GET /metrics alone, without a token: for Prometheus");
  app.add_option("--log-level", config.log_level, "trace, debug, info, warning, error")
      ->default_val("info")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
  auto* doctor = app.add_subcommand("doctor", "looks this node over, with its daemons up or down, and ends");
  doctor->fallthrough();  // the options above may stand behind it
  doctor->footer(
      "Give it the agent's own --config. Exit code: 0 all right, 1 something to look at, 2 something broken.");
  auto* replay = app.add_subcommand("replay", "programs the flows from what is on the disk, and ends");
  replay->fallthrough();
  replay->footer(
      "For a node whose ovs-vswitchd was started again while its agent is dead. Give it the agent's own --config. "
      "While "
      "an agent runs it does nothing. Exit code: 0 all right, 1 the flows are not in place.");
  std::string format;
  doctor->add_option("-o,--output", format, "table or json")
      ->default_val("table")
      ->check(CLI::IsMember({"table", "json"}));
  try {
    app.parse(argc, argv);
    config.doctor = doctor->parsed() ? format : "";
    config.replay = replay->parsed();
    understand(options, config);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : 2;  // --help and --version are no mistakes
    return std::nullopt;
  }
  return config;
}

}  // namespace mooring::agent
