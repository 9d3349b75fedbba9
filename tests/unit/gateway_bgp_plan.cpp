// What is said to FRR's bgpd. The real one is asked in tests/system/test_bgp.py.
#include <catch2/catch.hpp>

#include "overlay-gateway/domain/bgp_plan.hpp"

using namespace mooring;
using namespace mooring::gateway;

namespace {

net::IpCidr prefix(const char* text) {
  return net::IpCidr::parse(text).value();
}

BgpSettings settings(std::initializer_list<const char*> neighbors) {
  BgpSettings made;
  made.as = 65001;
  for (const char* text : neighbors) {
    made.neighbors.push_back(parse_bgp_neighbor(text).value());
  }
  return made;
}

std::string text_of(const Result<std::vector<std::string>>& commands) {
  std::string text = commands ? "" : commands.error().text();
  if (!commands) {
    return text;
  }
  for (const std::string& command : *commands) {
    text += command + "\n";
  }
  return text;
}

// As FRR 8.4 shows what bgp_commands() asked of it, with an operator's lines between.
const char* const running = R"(frr version 8.4.4
frr defaults traditional
!
hostname gw1
!
router bgp 65001
 no bgp default ipv4-unicast
 neighbor 192.168.7.1 remote-as 65000
 neighbor 192.168.7.1 description mooring
 neighbor 192.168.7.1 bfd
 neighbor 192.168.7.1 timers 1 3
 neighbor 192.168.7.1 timers connect 2
 neighbor 192.168.7.9 remote-as 65000
 neighbor 192.168.7.9 description the storage's router
 !
 address-family ipv4 unicast
  network 10.100.0.0/16 route-map MOORING-ORIGIN
  network 192.168.99.0/24
  neighbor 192.168.7.1 activate
  neighbor 192.168.7.1 route-map MOORING-IN in
  neighbor 192.168.7.1 route-map MOORING-OUT out
  neighbor 192.168.7.9 activate
 exit-address-family
exit
!
bgp as-path access-list MOORING-LOCAL seq 5 permit ^$
!
route-map MOORING-ORIGIN permit 10
exit
!
route-map MOORING-IN permit 10
exit
!
route-map MOORING-OUT permit 10
 match as-path MOORING-LOCAL
exit
!
)";

}  // namespace

TEST_CASE("bgp: a bgpd that has nothing is told all, in the order that it understands") {
  const auto said = text_of(bgp_commands(settings({"192.168.7.1:65000"}), {prefix("10.100.0.0/16")}, {}));
  CHECK(said ==
        "configure terminal\n"
        "bgp as-path access-list MOORING-LOCAL seq 5 permit ^$\n"
        "route-map MOORING-ORIGIN permit 10\nexit\n"
        "route-map MOORING-IN permit 10\nexit\n"
        "route-map MOORING-OUT permit 10\nexit\n"
        "route-map MOORING-OUT permit 10\nmatch as-path MOORING-LOCAL\nexit\n"
        "router bgp 65001\nexit\n"
        "router bgp 65001\nneighbor 192.168.7.1 remote-as 65000\nexit\n"
        "router bgp 65001\nneighbor 192.168.7.1 description mooring\nexit\n"
        "router bgp 65001\nneighbor 192.168.7.1 timers 1 3\nexit\n"
        "router bgp 65001\nneighbor 192.168.7.1 timers connect 2\nexit\n"
        "router bgp 65001\naddress-family ipv4 unicast\nneighbor 192.168.7.1 route-map MOORING-IN in\nexit\nexit\n"
        "router bgp 65001\naddress-family ipv4 unicast\nneighbor 192.168.7.1 route-map MOORING-OUT out\nexit\nexit\n"
        "router bgp 65001\naddress-family ipv4 unicast\nnetwork 10.100.0.0/16 route-map MOORING-ORIGIN\nexit\nexit\n"
        "end\n");
}

TEST_CASE("bgp: nothing is said to a bgpd that has it already, whatever else it has") {
  CHECK(text_of(bgp_commands(settings({"192.168.7.1:65000:bfd"}), {prefix("10.100.0.0/16")}, bgp_lines(running)))
            .empty());
}

TEST_CASE("bgp: only the difference, and only of lines that are ours") {
  const auto present = bgp_lines(running);
  CHECK(text_of(bgp_commands(settings({"192.168.7.1:65000:bfd"}), {}, present)) ==
        "configure terminal\nrouter bgp 65001\naddress-family ipv4 unicast\n"
        "no network 10.100.0.0/16 route-map MOORING-ORIGIN\nexit\nexit\nend\n");
  CHECK(text_of(bgp_commands(settings({"192.168.7.1:65000"}), {prefix("10.100.0.0/16")}, present)) ==
        "configure terminal\nrouter bgp 65001\nno neighbor 192.168.7.1 bfd\nexit\nend\n");
  const auto other = text_of(bgp_commands(settings({"192.168.7.2:65002"}), {prefix("10.100.0.0/16")}, present));
  CHECK(other.find("\nneighbor 192.168.7.2 remote-as 65002\n") != std::string::npos);
  CHECK(other.find("\nneighbor 192.168.7.2 activate\n") != std::string::npos);  // it is not by default here
  CHECK(other.find("\nno neighbor 192.168.7.1\n") != std::string::npos);
  CHECK(other.find("192.168.7.9") == std::string::npos);
  CHECK(other.find("192.168.99.0") == std::string::npos);
}

TEST_CASE("bgp: another AS is an operator's to settle") {
  auto wanted = settings({"192.168.7.1:65000"});
  wanted.as = 65007;
  const auto refused = bgp_commands(wanted, {}, bgp_lines(running));
  REQUIRE(refused.has_error());
  CHECK(refused.error().text().find("bgpd has 'router bgp 65001', and --bgp-as is 65007") == 0);
}

TEST_CASE("bgp: an IPv6 router hears of IPv6 subnets, and of them alone") {
  const auto said = text_of(
      bgp_commands(settings({"[2001:db8::1]:65000:bfd"}), {prefix("10.100.0.0/16"), prefix("fd00:1::/64")}, {}));
  const std::string v4 = "router bgp 65001\naddress-family ipv4 unicast\n",
                    v6 = "router bgp 65001\naddress-family ipv6 unicast\n";
  CHECK(said.find(v6 + "neighbor 2001:db8::1 activate\n") != std::string::npos);
  CHECK(said.find(v4 + "no neighbor 2001:db8::1 activate\n") != std::string::npos);
  CHECK(said.find(v6 + "neighbor 2001:db8::1 route-map MOORING-OUT out\n") != std::string::npos);
  CHECK(said.find(v6 + "network fd00:1::/64 route-map MOORING-ORIGIN\n") != std::string::npos);
  CHECK(said.find(v4 + "network 10.100.0.0/16 route-map MOORING-ORIGIN\n") != std::string::npos);
  CHECK(parse_bgp_neighbor("2001:db8::1:65000").has_error());
  CHECK(parse_bgp_neighbor("[192.168.7.1]:65000").has_error());
  CHECK(parse_bgp_neighbor("[2001:db8::1:65000").has_error());
}

TEST_CASE("bgp: a password is said once, taken back, and never shown") {
  auto wanted = settings({"192.168.7.1:65000:bfd"});
  REQUIRE(take_passwords("# routers\n\n192.168.7.1 sesame\n", wanted.neighbors));
  const auto present = bgp_lines(running);
  const std::string command = "neighbor 192.168.7.1 password sesame";
  CHECK(text_of(bgp_commands(wanted, {prefix("10.100.0.0/16")}, present)) ==
        "configure terminal\nrouter bgp 65001\n" + command + "\nexit\nend\n");
  auto with = present;
  with.push_back({{"router bgp 65001"}, command});
  CHECK(text_of(bgp_commands(wanted, {prefix("10.100.0.0/16")}, with)).empty());
  CHECK(text_of(bgp_commands(settings({"192.168.7.1:65000:bfd"}), {prefix("10.100.0.0/16")}, with)) ==
        "configure terminal\nrouter bgp 65001\nno neighbor 192.168.7.1 password\nexit\nend\n");
  CHECK(without_secrets(command) == "neighbor 192.168.7.1 password …");
  for (const char* wrong : {"192.168.7.1", "192.168.7.1 a b", "192.168.7.9 sesame", "nobody sesame"}) {
    const auto taken = take_passwords(wrong, wanted.neighbors);
    REQUIRE(taken.has_error());
    CHECK(taken.error().text().find("line 1: ") == 0);
    CHECK(taken.error().text().find("sesame") == std::string::npos);
  }
}
