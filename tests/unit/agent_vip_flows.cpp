#include <algorithm>

#include <catch2/catch.hpp>

#include "agent_flow_text.hpp"
#include "agent_world.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;

namespace {

// Three back ends: 10.0.0.5 is here and the youngest, 10.0.0.6 is on h2, 10.0.1.8 is here and ill.
constexpr const char* vip_of_three = R"({"network":"default","vni":100,"address":"10.0.0.80","number":3,
  "ports":["tcp:80:8080","udp:53:53"],"check":{"kind":"none"},"backends":[
  {"address":"10.0.0.5","vni":100,"healthy":true,"since":9},{"address":"10.0.0.6","vni":100,"healthy":true,"since":7},
  {"address":"10.0.1.8","vni":101,"healthy":false,"since":5}]})";

}  // namespace

TEST_CASE("flows of VIPs: a caller's half, and that of a back end") {
  World world;
  world.begin();
  world.layout();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "10.0.0.6", "h2", 42);
  world.port(101, "10.0.1.8", "h1", 44, "c3/eth0");
  world.object("vip", "shop", vip_of_three);
  world.end(60);
  LocalPorts ports;
  ports.put(local_port("c1", 100, "10.0.0.5", 41, 7));
  ports.put(local_port("c3", 101, "10.0.1.8", 44, 9));
  const FlowPlan plan(world.directory, ports, h1(), world.in_use);
  same_as_golden("agent_flows_vip.txt", text_of(lines_of(plan, plan.vip_groups())));

  // A change of the VIP, or of where a back end lives, names what it touches.
  world.directory.take_changes();
  world.object("vip", "shop", vip_of_three);
  CHECK(plan.affected_by(world.directory.take_changes()) == plan.vip_groups());
  world.port(100, "10.0.0.6", "h3", 70);
  const FlowGroups moved = plan.affected_by(world.directory.take_changes());
  const FlowGroups of_vip = plan.vip_groups();
  CHECK(std::includes(moved.begin(), moved.end(), of_vip.begin(), of_vip.end()));
  CHECK(text_of(plan.lines(*of_vip.begin())).find("172.31.0.3->tun_dst") != std::string::npos);

  // Without ports nobody here calls anybody.
  const LocalPorts none;
  const FlowPlan empty(world.directory, none, h1(), world.in_use);
  for (const auto& group : empty.vip_groups()) {
    CHECK(empty.lines(group) == FlowLines());
  }
}

TEST_CASE("flows of a VIP of IPv6") {
  World world;
  world.begin();
  world.layout();
  world.layout6();
  world.port(100, "10.0.0.5", "h1", 41, "c1/eth0");
  world.port(100, "fd00::5", "h1", 41, "c1/eth0");
  world.port(100, "fd00::6", "h2", 42);
  world.object("vip", "shop", R"({"network":"default","vni":100,"address":"fd00::80","number":3,"ports":["tcp:80:8080"],
    "backends":[{"address":"fd00::5","vni":100,"healthy":true,"since":9},
                {"address":"fd00::6","vni":100,"healthy":true,"since":7}]})");
  world.end(60);
  LocalPorts ports;
  ports.put(dual_port("c1", 100, "10.0.0.5", "fd00::5", 41, 7));
  const FlowPlan plan(world.directory, ports, h1(), world.in_use);
  same_as_golden("agent_flows_vip_ipv6.txt", text_of(lines_of(plan, plan.vip_groups())));
}

TEST_CASE("an IPv6 back end has the same number everywhere, and of two with one number the older is used") {
  CHECK(directory::vip_mac(key(100, "fd00::5").address) == "0a:6e:62:dc:db:35");
  directory::Vip vip;
  REQUIRE(directory::vip_mac(key(100, "fd00::1:a345").address) == directory::vip_mac(key(100, "fd00::1:d4ab").address));
  vip.backends = {
      {key(100, "fd00::1:a345"), true, 9}, {key(100, "fd00::1:d4ab"), true, 7}, {key(100, "fd00::5"), true, 8}};
  REQUIRE(used_backends(vip).size() == 2);
  CHECK(used_backends(vip).front().at == key(100, "fd00::1:d4ab"));
}

TEST_CASE("of a VIP without a healthy back end all are tried") {
  directory::Vip vip;
  vip.backends = {{key(100, "10.0.0.5"), false, 9}, {key(100, "10.0.0.6"), false, 7}};
  CHECK(used_backends(vip).size() == 2);
  vip.backends.front().healthy = true;
  REQUIRE(used_backends(vip).size() == 1);
  CHECK(used_backends(vip).front().at == key(100, "10.0.0.5"));
  CHECK(directory::vip_mac(vip.backends.front().at.address) == "0a:6e:0a:00:00:05");
}
