// mooring-ipam: what of a main plugin's configuration is ours, and what it is told.
#include <catch2/catch.hpp>

#include "cni-plugin/delegated.hpp"
#include "cni-plugin/net_conf.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::cni;

namespace {

ipam_api::Allocation dual_stack() {
  ipam_api::Allocation allocation;
  allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
  allocation.gateway = net::Ipv4Address::parse("10.0.0.1").value();
  allocation.address6 = net::IpInterfaceAddress::parse("fd00::5/64").value();
  allocation.gateway6 = net::IpAddress::parse("fd00::1").value();
  allocation.routes = {{net::IpCidr::parse("192.168.0.0/16").value(), std::nullopt},
                       {net::IpCidr::parse("fd01::/48").value(), net::IpAddress::parse("fd00::9").value()}};
  allocation.dns.nameservers = {"10.0.0.53"};
  return allocation;
}

}  // namespace

TEST_CASE("the name that it is started under makes it an IPAM") {
  CHECK(role_by_name("/opt/cni/bin/mooring-ipam") == Role::ipam);
  CHECK(role_by_name("mooring-ipam") == Role::ipam);
  CHECK(role_by_name("/opt/cni/bin/mooring") == Role::main_plugin);
  CHECK(role_by_name("/opt/mooring-ipam/mooring") == Role::main_plugin);
  CHECK(role_by_name("") == Role::main_plugin);
}

TEST_CASE("the ipam section is a configuration of ours, with what the runtime said") {
  const auto part =
      ipam_part_of(Json::parse(R"({"cniVersion":"1.0.0","name":"lan","type":"bridge","bridge":"cni0","pool":"not ours",
    "ipam":{"type":"mooring-ipam","pool":"lan","name":"not the network's","defaultRoute":false},
    "runtimeConfig":{"ips":["10.0.0.5"]},"args":{"cni":{}},"prevResult":{"ips":[]},"cni.dev/valid-attachments":[]})"));
  CHECK(part.value() == Json::parse(R"({"cniVersion":"1.0.0","name":"lan","pool":"lan","defaultRoute":false,
    "runtimeConfig":{"ips":["10.0.0.5"]},"args":{"cni":{}},"prevResult":{"ips":[]},"cni.dev/valid-attachments":[]})"));
  const auto conf = net_conf_from(part.value()).value();
  CHECK_FALSE(conf.default_route);
  CHECK(wishes_of(conf).value().pool == "lan");
  for (const char* text : {R"({"name":"lan"})", R"({"ipam":null})", R"({"ipam":"mooring-ipam"})"}) {
    CHECK(ipam_part_of(Json::parse(text)).error().code() == Errc::invalid_config);
  }
}

TEST_CASE("the result of an IPAM has addresses of both families, and no interfaces") {
  const Json routes4 = Json::parse(R"([{"dst":"0.0.0.0/0","gw":"10.0.0.1"},{"dst":"192.168.0.0/16","gw":"10.0.0.1"}])");
  const Json routes6 = Json::parse(R"([{"dst":"::/0","gw":"fd00::1"},{"dst":"fd01::/48","gw":"fd00::9"}])");
  const Json now = ipam_result_for("1.1.0", dual_stack(), true);
  CHECK(
      now["ips"] ==
      Json::parse(R"([{"address":"10.0.0.5/24","gateway":"10.0.0.1"},{"address":"fd00::5/64","gateway":"fd00::1"}])"));
  CHECK(now["routes"] == Json::array({routes4[0], routes4[1], routes6[0], routes6[1]}));
  CHECK(now["dns"]["nameservers"][0] == "10.0.0.53");
  CHECK_FALSE(now.contains("interfaces"));
  const Json then = ipam_result_for("0.4.0", dual_stack(), false);
  CHECK(then["ips"][0]["version"] == "4");
  CHECK(then["ips"][1]["version"] == "6");
  CHECK(then["routes"] == Json::array({routes4[1], routes6[1]}));
  const Json first = ipam_result_for("0.2.0", dual_stack(), true);
  CHECK(first["ip4"] == Json{{"ip", "10.0.0.5/24"}, {"gateway", "10.0.0.1"}, {"routes", routes4}});
  CHECK(first["ip6"] == Json{{"ip", "fd00::5/64"}, {"gateway", "fd00::1"}, {"routes", routes6}});
  ipam_api::Allocation six = dual_stack();
  six.address = {};
  CHECK(ipam_result_for("1.0.0", six, true)["ips"].size() == 1);
}
