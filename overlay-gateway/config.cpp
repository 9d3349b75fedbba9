#include "overlay-gateway/config.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "mooring/ipam_api/names.hpp"
#include "mooring/metrics/door.hpp"

namespace mooring::gateway {
namespace {

constexpr const char* default_controller = "unix:/run/mooring/controller.sock";

std::string first_word_of(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

Result<std::string> contents_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return Error(Errc::not_found, "it cannot be read", "name a file that is there, with mode 0600");
  }
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

std::string own_host_name() {
  std::string name(256, '\0');
  if (::gethostname(name.data(), name.size() - 1) != 0) {
    return {};
  }
  name.resize(std::min(name.find('\0'), name.find('.')));
  return name;
}

// As a validator of CLI11: "" is fine.
template <class Parse>
std::string problem_with(Parse parse, const std::string& text) {
  const auto parsed = parse(text);
  return parsed ? std::string() : parsed.error().text();
}

// An Error in the words of this option.
std::string wrong_option(const std::string& option, const Error& error) {
  return fmt::format("mooring-gateway: option --{}: {}", option, error.text());
}

// The options --bgp-…, as they were given.
struct BgpOptions {
  std::string as, router_id, password_file;
  std::vector<std::string> neighbors;
};

// "" or what is wrong with them.
std::string read_bgp(const BgpOptions& options, std::optional<BgpSettings>& settings) {
  if (options.as.empty()) {
    return options.neighbors.empty() && options.router_id.empty() && options.password_file.empty()
               ? ""
               : "mooring-gateway: option --bgp-as: is missing (the AS that this gateway is in: --bgp-as 65001)";
  }
  BgpSettings made;
  const auto as = parse_as(options.as);
  if (!as) {
    return wrong_option("bgp-as", as.error());
  }
  made.as = *as;
  if (!options.router_id.empty()) {
    const auto id = net::Ipv4Address::parse(options.router_id);
    if (!id) {
      return wrong_option("bgp-router-id", id.error());
    }
    made.router_id = *id;
  }
  for (const std::string& text : options.neighbors) {
    const auto neighbor = parse_bgp_neighbor(text);
    if (!neighbor) {
      return wrong_option("bgp-neighbor", neighbor.error());
    }
    made.neighbors.push_back(*neighbor);
  }
  if (made.neighbors.empty()) {
    return "mooring-gateway: option --bgp-neighbor: is missing (who is told of the overlay: --bgp-neighbor "
           "192.168.7.1:65000)";
  }
  if (!options.password_file.empty()) {
    const auto text = contents_of(options.password_file);
    const auto taken = text ? take_passwords(*text, made.neighbors) : Result<void>(text.error());
    if (!taken) {
      return wrong_option("bgp-password-file " + options.password_file, taken.error());
    }
  }
  settings = std::move(made);
  return "";
}

// The options --nat-…, as they were given.
struct NatOptions {
  std::vector<std::string> sources, exceptions;
  std::string address;
};

std::string read_prefixes(const std::string& option, const std::vector<std::string>& texts,
                          std::set<net::Cidr>& prefixes) {
  for (const std::string& text : texts) {
    const auto prefix = net::Cidr::parse(text);
    if (!prefix) {
      return wrong_option(option, prefix.error());
    }
    prefixes.insert(*prefix);
  }
  return "";
}

// "" or what is wrong with them.
std::string read_nat(const NatOptions& options, Config& config) {
  if (options.sources.empty() && !(options.exceptions.empty() && options.address.empty())) {
    return "mooring-gateway: option --nat: is missing (whose packets get another source: --nat 10.0.0.0/16)";
  }
  for (const auto& problem : {read_prefixes("nat", options.sources, config.nat_sources),
                              read_prefixes("nat-except", options.exceptions, config.nat_exceptions)}) {
    if (!problem.empty()) {
      return problem;
    }
  }
  if (!options.address.empty()) {
    const auto address = net::Ipv4Address::parse(options.address);
    if (!address) {
      return wrong_option("nat-address", address.error());
    }
    config.nat_address = *address;
  }
  return "";
}

std::string read_shared(const std::vector<std::string>& texts, net::AddressPair& addresses) {
  for (const std::string& text : texts) {
    const auto address = net::IpAddress::parse(text);
    if (!address) {
      return wrong_option("shared-address", address.error());
    }
    if (const auto& other = addresses.of(address->family())) {
      return fmt::format(
          "mooring-gateway: option --shared-address: {} and {} are both {} (give one address of each family)",
          other->str(), text, net::to_string(address->family()));
    }
    addresses.set(*address);
  }
  return "";
}

}  // namespace

ParsedConfig parse_config(int argc, const char* const* argv) {
  ParsedConfig parsed;
  Config& config = parsed.config;
  config.name = own_host_name();
  config.machine_id = first_word_of("/etc/machine-id");
  std::string controller = default_controller;
  std::string token_file;
  std::string metrics_listen;
  BgpOptions bgp;
  NatOptions nat;
  std::uint64_t evpn_vni = 0;
  std::vector<std::string> shared_addresses;

  CLI::App app(
      "Joins the overlay and the physical network: takes packets out of VXLAN and routes them, and the reverse.",
      "mooring-gateway");
  app.set_config("--config", "", "Options from a file, NAME=VALUE a line");
  app.set_version_flag("--version", std::string("mooring-gateway " MOORING_VERSION));
  app.add_option("--name", config.name, "This gateway's name in the controller")->capture_default_str();
  app.add_option("--machine-id", config.machine_id, "Stable id of this machine (default: that of /etc/machine-id)");
  app.add_option("--underlay-interface", config.underlay_interface,
                 "Interface towards the nodes; it has the VTEP address")
      ->required();
  app.add_option("--vtep", config.vtep,
                 "Address of the tunnels' end (default: the first one of the underlay interface)")
      ->check([](const std::string& text) { return problem_with(&net::Ipv4Address::parse, text); });
  app.add_option("--network", config.network, "Overlay network that the physical side reaches")->capture_default_str();
  app.add_option("--physical-interface", config.physical_interface, "Interface of the physical network")->required();
  app.add_option("--shared-address", shared_addresses,
                 "Address on the physical interface that one of the network's gateways has: the next hop of machines; "
                 "may be given once for IPv4 and once for IPv6");
  app.add_option("--controller", controller, "unix:PATH or http://HOST:PORT")->capture_default_str();
  app.add_option("--token-file", token_file, "File with the node token for a controller over TCP");
  app.add_option("--ovsdb", config.ovsdb, "unix:PATH of Open vSwitch's database")->capture_default_str();
  app.add_option("--ovs-rundir", config.ovs_rundir, "Folder with br-tun.mgmt")->capture_default_str();
  app.add_option("--datapath", config.datapath, "Datapath of the bridges: auto takes the kernel's if it is there")
      ->check(CLI::IsMember({"auto", "system", "netdev"}))
      ->capture_default_str();
  app.add_option("--socket", config.socket, "Unix socket for status questions")->capture_default_str();
  app.add_option("--state-dir", config.state_dir, "Folder for what must survive a reboot")->capture_default_str();
  app.add_option("--metrics-listen", metrics_listen,
                 "ADDRESS:PORT or unix:PATH for GET /metrics alone, without a token: for Prometheus");
  app.add_option("--nat", nat.sources,
                 "Overlay prefix whose packets leave with the gateway's address, for machines that do not know the way "
                 "back; may be given several times");
  app.add_option("--nat-except", nat.exceptions, "Destinations that do know it; may be given several times");
  app.add_option("--nat-address", nat.address, "Source address instead (default: that of the physical interface)");
  app.add_option("--bgp-as", bgp.as, "Announce the overlay's subnets through FRR's bgpd on this machine, from this AS");
  app.add_option("--bgp-neighbor", bgp.neighbors,
                 "A physical router, ADDRESS:AS or ADDRESS:AS:bfd, as 192.168.7.1:65000; may be given several times");
  app.add_option("--bgp-router-id", bgp.router_id, "BGP identifier (default: FRR chooses one)");
  app.add_option("--bgp-password-file", bgp.password_file,
                 "File with a line ADDRESS PASSWORD for each router whose session has one (TCP MD5, RFC 2385)");
  app.add_option("--bgp-socket", config.bgp_socket, "bgpd's own socket")->capture_default_str();
  app.add_option(
      "--print-evpn-leaf", evpn_vni,
      "Experimental: print FRR's configuration for a leaf of an EVPN fabric that tells the overlay's subnets on "
      "as type-5 routes with this VNI, and end; needs --bgp-as and --bgp-neighbor");
  app.add_option("--bridge-interface", config.bridge_interface,
                 "Interface of the segment that bridged subnets are stretched to, as a trunk; nothing else may use it");
  app.add_option("--bridge-vrrp-router", config.bridge_vrrp_router,
                 "VRRP virtual router of the election there, the same on all gateways; 1 to 255")
      ->check(CLI::Range(1, 255))
      ->capture_default_str();
  app.add_option("--keepalived-pid", config.keepalived_pid, "keepalived's pid file (mooring-vrrp.service)")
      ->capture_default_str();
  app.add_option("--log-level", config.log_level, "How much is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error) == 0 ? 0 : 2;
    return parsed;
  }

  const auto refuse = [&parsed](const std::string& text) {
    std::cerr << text << "\n";
    parsed.exit_code = 2;
    return parsed;
  };
  if (const auto name = ipam_api::parse_name("name", config.name); !name) {
    return refuse(wrong_option("name", name.error()));
  }
  if (const auto network = ipam_api::parse_name("network", config.network); !network) {
    return refuse(wrong_option("network", network.error()));
  }
  if (const auto problem = read_bgp(bgp, config.bgp); !problem.empty()) {
    return refuse(problem);
  }
  if (app.count("--print-evpn-leaf") != 0) {
    const auto vni = net::Vni::from(evpn_vni);
    if (!vni) {
      return refuse(wrong_option("print-evpn-leaf", vni.error()));
    }
    if (!config.bgp) {
      return refuse("mooring-gateway: option --bgp-as: is missing (the leaf is the router of --bgp-neighbor)");
    }
    config.evpn_leaf = *vni;
  }
  if (!config.bridge_interface.empty() &&
      (config.bridge_interface == config.underlay_interface || config.bridge_interface == config.physical_interface)) {
    return refuse(fmt::format(
        "mooring-gateway: option --bridge-interface: {} has another use already (give bridged mode an interface of its "
        "own; a VLAN of that one will do: ip link add link {} name {}.100 type vlan id 100)",
        config.bridge_interface, config.bridge_interface, config.bridge_interface));
  }
  if (const auto problem = read_nat(nat, config); !problem.empty()) {
    return refuse(problem);
  }
  if (config.machine_id.empty()) {
    return refuse("mooring-gateway: option --machine-id: /etc/machine-id is empty or missing (give an id that stays)");
  }
  auto endpoint = http::Endpoint::parse(controller);
  auto resolved = endpoint ? http::resolved(*endpoint) : endpoint;
  if (!resolved) {
    return refuse(wrong_option("controller", resolved.error()));
  }
  config.controller = std::move(*resolved);
  if (const auto problem = read_shared(shared_addresses, config.shared_addresses); !problem.empty()) {
    return refuse(problem);
  }
  if (!metrics_listen.empty()) {
    auto listen = metrics::parse_listen(metrics_listen);
    if (!listen) {
      return refuse(wrong_option("metrics-listen", listen.error()));
    }
    config.metrics_listen = std::move(*listen);
  }
  if (!token_file.empty()) {
    config.token = first_word_of(token_file);
    if (config.token.empty()) {
      return refuse(
          fmt::format("mooring-gateway: option --token-file: {} is empty or cannot be read (copy the node "
                      "token of the controller there, mode 0600)",
                      token_file));
    }
  }
  return parsed;
}

}  // namespace mooring::gateway
