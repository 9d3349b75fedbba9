// Results as golden files, one for each shape, and reading them back for CHECK.
#include "cni-plugin/cni_result.hpp"

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "cni-plugin/commands.hpp"
#include "cni-plugin/first_result.hpp"
#include "cni-plugin/net_conf.hpp"
#include "cni-plugin/skel.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::cni;

namespace {

Attached attached() {
  Attached a;
  a.allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
  a.allocation.gateway = net::Ipv4Address::parse("10.0.0.1").value();
  a.allocation.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  a.allocation.mtu_bytes = 1450;
  for (const auto& [destination, via] :
       {std::pair{"0.0.0.0/0", "10.0.0.1"}, {"192.168.0.0/16", "10.0.0.254"}, {"172.16.0.0/12", "10.0.0.1"}}) {
    netlink::Route route;
    route.destination = net::Cidr::parse(destination).value();
    route.via = net::Ipv4Address::parse(via).value();
    a.routes.push_back(route);
  }
  a.allocation.dns.nameservers = {"10.0.0.53"};
  a.allocation.dns.search = {"shop.example"};
  a.host_interface = "moabcdefghijkl";
  a.host_mac = net::MacAddress::parse("52:54:00:00:00:01").value();
  a.container_interface = "eth0";
  a.netns = "/run/netns/db-0";
  return a;
}

std::string golden(const std::string& name) {
  std::ifstream file(std::string(MOORING_SOURCE_DIR) + "/tests/golden/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the result has the shape of the caller's version") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  CAPTURE(version);
  CHECK(result_for(version, attached(), Json()).dump(2) + "\n" == golden("cni_result_" + version + ".json"));
}

TEST_CASE("the first versions have one address of each family and no interfaces") {
  const std::string version = GENERATE("0.1.0", "0.2.0");
  Json result = result_for("1.0.0", attached(), Json());
  const Json first = first_shape_of(version, result);
  CHECK(first ==
        Json::parse(R"({"cniVersion":")" + version + R"(","ip4":{"ip":"10.0.0.5/24","gateway":"10.0.0.1","routes":[
    {"dst":"0.0.0.0/0","gw":"10.0.0.1"},{"dst":"192.168.0.0/16","gw":"10.0.0.254"},{"dst":"172.16.0.0/12","gw":"10.0.0.1"}]},
    "dns":{"nameservers":["10.0.0.53"],"search":["shop.example"]}})"));
  result["ips"].push_back({{"address", "fd00::5/64"}, {"gateway", "fd00::1"}, {"interface", 1}});
  result["routes"].push_back({{"dst", "::/0"}, {"gw", "fd00::1"}, {"priority", 5}});
  const Json both = first_shape_of(version, result);
  CHECK(both["ip4"] == first["ip4"]);
  CHECK(both["ip6"] ==
        Json::parse(R"({"ip":"fd00::5/64","gateway":"fd00::1","routes":[{"dst":"::/0","gw":"fd00::1"}]})"));
  CHECK(has_first_shape("0.2.0"));
  CHECK_FALSE(has_first_shape("0.3.0"));
}

TEST_CASE("ours is added to the result of plugins before us") {
  const Json before = Json::parse(R"({"cniVersion":"1.0.0","interfaces":[{"name":"lo","sandbox":"/run/netns/db-0"}],
    "ips":[{"address":"127.0.0.1/8","interface":0}],"dns":{"nameservers":["9.9.9.9"]},"routes":null,"x":"kept"})");
  CHECK(result_for("1.0.0", attached(), before).dump(2) + "\n" == golden("cni_result_chained.json"));
}

TEST_CASE("an error is one object with code, message, way out and id") {
  const Error error(Errc::exhausted, "allocating for shop/db-0: pool web: 0 of 254 free", "extend the pool");
  CHECK(error_text(error, "1.0.0") == golden("cni_error.json"));
  CHECK(Json::parse(error_text(error, "7.7.7"))["cniVersion"] == "1.1.0");
}

TEST_CASE("VERSION echoes the version it was asked in") {
  CHECK(version("0.4.0")["cniVersion"] == "0.4.0");
  CHECK(version("")["cniVersion"] == "1.1.0");
  CHECK(version("")["supportedVersions"] ==
        Json::parse(R"(["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"])"));
}

TEST_CASE("what ADD told is read back for CHECK") {
  const Json result = result_for("1.0.0", attached(), Json());
  const auto interface = interface_in(result, "eth0").value();
  CHECK(interface.mac == "0a:58:0a:00:00:05");
  CHECK(interface.addresses == std::vector{net::IpInterfaceAddress::parse("10.0.0.5/24").value()});
  const auto routes = routes_in(result).value();
  REQUIRE(routes.size() == 3);
  CHECK(routes[0].destination.str() == "0.0.0.0/0");
  CHECK(routes[2].via->str() == "10.0.0.1");
}

TEST_CASE("a dual-stack result lists both families, and CHECK reads both back") {
  const bool with_v4 = GENERATE(true, false);
  Attached both = attached();
  both.allocation.address6 = net::IpInterfaceAddress::parse("fd00::5/64").value();
  both.allocation.gateway6 = net::IpAddress::parse("fd00::1").value();
  netlink::Route way_out;
  way_out.destination = net::IpCidr::parse("::/0").value();
  way_out.via = both.allocation.gateway6;
  both.routes = {way_out};
  if (!with_v4) {
    both.allocation.address = {};
  }
  const Json result = result_for("0.4.0", both, Json());
  const Json six = {{"address", "fd00::5/64"}, {"gateway", "fd00::1"}, {"interface", 1}, {"version", "6"}};
  CHECK(result["ips"].size() == (with_v4 ? 2 : 1));
  CHECK(result["ips"].back() == six);
  CHECK(result["routes"] == Json::parse(R"([{"dst":"::/0","gw":"fd00::1"}])"));
  CHECK(interface_in(result, "eth0").value().addresses.back().str() == "fd00::5/64");
  CHECK(routes_in(result).value().front().destination == way_out.destination);
}

TEST_CASE("results that nobody wrote are refused, not followed") {
  CHECK(interface_in(Json::parse("{}"), "eth0").error().code() == Errc::invalid_config);
  CHECK(interface_in(Json::parse(R"({"interfaces":[7,{"name":"eth0"}]})"), "eth0").has_error());
  const Json odd = Json::parse(R"({"interfaces":[{"name":"eth0","sandbox":"x"}],
    "ips":[7,{"address":"fd00::1/64","interface":0},{"address":"nonsense","interface":0}],
    "routes":[{"dst":"::/0"},{"dst":"x"}]})");
  CHECK(interface_in(odd, "eth0").error().message().find("prevResult: ips") == 0);
  CHECK(routes_in(odd).error().message().find("prevResult: routes") == 0);
}
