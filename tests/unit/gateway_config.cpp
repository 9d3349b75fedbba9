// The options of mooring-gateway: what is refused, and in what words.
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "overlay-gateway/config.hpp"

using namespace mooring::gateway;

namespace {

struct Parsed {
  ParsedConfig result;
  std::string said;
};

Parsed parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "mooring-gateway");
  std::ostringstream said;
  auto* const out = std::cout.rdbuf(said.rdbuf());
  auto* const err = std::cerr.rdbuf(said.rdbuf());
  Parsed parsed;
  parsed.result = parse_config(static_cast<int>(arguments.size()), arguments.data());
  std::cout.rdbuf(out);
  std::cerr.rdbuf(err);
  parsed.said = said.str();
  return parsed;
}

const std::vector<const char*> least{"--underlay-interface", "eth0", "--physical-interface", "eth1",
                                     "--machine-id",         "m1"};

std::vector<const char*> least_and(std::initializer_list<const char*> more) {
  std::vector<const char*> all = least;
  all.insert(all.end(), more);
  return all;
}

}  // namespace

TEST_CASE("the least that a gateway must be told, and the defaults of the rest") {
  const Parsed parsed = parse(least_and({"--name", "gw1"}));
  INFO(parsed.said);
  REQUIRE_FALSE(parsed.result.exit_code);
  const Config& config = parsed.result.config;
  CHECK(config.name == "gw1");
  CHECK(config.network == "default");
  CHECK(config.vtep.empty());
  CHECK(config.controller.str() == "unix:/run/mooring/controller.sock");
  CHECK(config.ovsdb == "unix:/run/openvswitch/db.sock");
  CHECK(config.datapath == "auto");
  CHECK(config.bridge_interface.empty());
  CHECK(config.bridge_vrrp_router == 77);
}

TEST_CASE("wrong options end the program with 2 and name option, value and way out") {
  const auto refused = [](const std::vector<const char*>& arguments, const std::string& option,
                          const std::string& cause) {
    const Parsed parsed = parse(arguments);
    INFO(parsed.said);
    CHECK(parsed.result.exit_code == 2);
    CHECK(parsed.said.find(option) != std::string::npos);
    CHECK(parsed.said.find(cause) != std::string::npos);
  };
  refused({}, "--underlay-interface", "required");
  refused({"--underlay-interface", "eth0"}, "--physical-interface", "required");
  refused(least_and({"--name", "Not A Name"}), "--name", "Not A Name");
  refused(least_and({"--network", "no_such!"}), "--network", "no_such!");
  refused(least_and({"--bridge-interface", "eth1"}), "--bridge-interface", "eth1 has another use already");
  refused(least_and({"--bridge-vrrp-router", "256"}), "--bridge-vrrp-router", "256");
  refused(least_and({"--vtep", "172.31.0.300"}), "--vtep", "172.31.0.300");
  refused(least_and({"--controller", "https://controller:1"}), "--controller", "https://controller:1");
  refused(least_and({"--datapath", "magic"}), "--datapath", "magic");
  refused(least_and({"--log-level", "loud"}), "--log-level", "loud");
  refused(least_and({"--token-file", "/nonexistent/token"}), "--token-file", "/nonexistent/token");
  refused(least_and({"--bgp-neighbor", "192.168.7.1:65000"}), "--bgp-as", "is missing");
  refused(least_and({"--bgp-as", "65001"}), "--bgp-neighbor", "is missing");
  refused(least_and({"--bgp-as", "23456"}), "--bgp-as", "'23456' is no AS number");
  refused(least_and({"--bgp-as", "65001", "--bgp-neighbor", "192.168.7.1"}), "--bgp-neighbor", "it has no AS");
  refused(least_and({"--bgp-as", "65001", "--bgp-neighbor", "192.168.7.1:65000:md5"}), "--bgp-neighbor",
          "'md5' is not known");
  refused(least_and({"--bgp-as", "65001", "--bgp-neighbor", "192.168.7.256:65000"}), "--bgp-neighbor", "192.168.7.256");
  refused(least_and({"--nat", "10.0.0.1/16"}), "--nat", "10.0.0.1/16");
  refused(least_and({"--nat-except", "10.0.0.0/16"}), "--nat", "is missing");
  refused(least_and({"--nat", "10.0.0.0/16", "--nat-except", "10/8"}), "--nat-except", "10/8");
  refused(least_and({"--nat", "10.0.0.0/16", "--nat-address", "eth1"}), "--nat-address", "eth1");
  refused(least_and({"--shared-address", "10.0.0.300"}), "--shared-address", "10.0.0.300");
  refused(least_and({"--shared-address", "10.0.0.3", "--shared-address", "10.0.0.4"}), "--shared-address",
          "10.0.0.3 and 10.0.0.4 are both IPv4");
  refused(
      least_and({"--bgp-as", "65001", "--bgp-neighbor", "192.168.7.1:65000", "--bgp-password-file", "/nonexistent/p"}),
      "--bgp-password-file /nonexistent/p", "cannot be read");
  refused(least_and({"--bgp-password-file", "/nonexistent/p"}), "--bgp-as", "is missing");
  refused(least_and({"--print-evpn-leaf", "16777216", "--bgp-as", "65001", "--bgp-neighbor", "192.168.7.1:65000"}),
          "--print-evpn-leaf", "16777216");
  refused(least_and({"--print-evpn-leaf", "5000"}), "--bgp-as", "is missing");
  refused(least_and({"--lantern"}), "--lantern", "not expected");
}

TEST_CASE("routers that are told by BGP") {
  const Parsed parsed = parse(least_and({"--bgp-as", "4200000001", "--bgp-neighbor", "192.168.7.1:65000",
                                         "--bgp-neighbor", "192.168.7.2:65000:bfd", "--bgp-router-id", "10.9.9.9"}));
  INFO(parsed.said);
  REQUIRE_FALSE(parsed.result.exit_code);
  const auto& bgp = parsed.result.config.bgp;
  REQUIRE(bgp);
  CHECK(bgp->as == 4200000001);
  CHECK(bgp->router_id->str() == "10.9.9.9");
  REQUIRE(bgp->neighbors.size() == 2);
  CHECK(bgp->neighbors[1].address.str() == "192.168.7.2");
  CHECK(bgp->neighbors[1].as == 65000);
  CHECK(bgp->neighbors[1].bfd);
  CHECK_FALSE(bgp->neighbors[0].bfd);
}

TEST_CASE("routers in a file") {
  const std::string file = std::string(MOORING_BINARY_DIR) + "/gateway_config_bgp.toml";
  std::ofstream(file) << "underlay-interface = \"eth0\"\nphysical-interface = \"eth1\"\nmachine-id = \"m1\"\n"
                         "bgp-as = \"65001\"\nbgp-neighbor = [\"192.168.7.1:65000\", \"192.168.7.2:65000:bfd\"]\n";
  const Parsed parsed = parse({"--config", file.c_str()});
  INFO(parsed.said);
  REQUIRE_FALSE(parsed.result.exit_code);
  REQUIRE(parsed.result.config.bgp);
  CHECK(parsed.result.config.bgp->neighbors.size() == 2);
}

TEST_CASE("help and version are successes") {
  CHECK(parse({"--help"}).result.exit_code == 0);
  const Parsed version = parse({"--version"});
  CHECK(version.result.exit_code == 0);
  CHECK(version.said.find("mooring-gateway ") == 0);
}

TEST_CASE("a file says the same as options") {
  const std::string file = std::string(MOORING_BINARY_DIR) + "/gateway_config_test.toml";
  std::ofstream(file) << "name = \"gw7\"\nunderlay-interface = \"eth0\"\nphysical-interface = \"eth1\"\nvtep = "
                         "\"172.31.0.7\"\nmachine-id = \"m1\"\n";
  const Parsed parsed = parse({"--config", file.c_str()});
  INFO(parsed.said);
  REQUIRE_FALSE(parsed.result.exit_code);
  CHECK(parsed.result.config.name == "gw7");
  CHECK(parsed.result.config.vtep == "172.31.0.7");
}
