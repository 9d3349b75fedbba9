#include <catch2/catch.hpp>

#include "agent_world.hpp"
#include "mooring/underlay/peer_warmup.hpp"
#include "mooring/underlay/physical_bridge.hpp"
#include "mooring/underlay/tunnel.hpp"
#include "ovs-agent/adapters/node_switch.hpp"

using namespace mooring;
using namespace mooring::agent::test;

TEST_CASE("underlay: the datapath is the kernel's if it is there") {
  using underlay::choose_datapath;
  ovs::OvsdbState state;
  REQUIRE(choose_datapath("auto", state, true).error().code() == Errc::unavailable);  // vswitchd has not run yet
  state.datapath_types = {"netdev", "system"};
  REQUIRE(choose_datapath("auto", state, true).value() == underlay::Datapath::system);
  REQUIRE(choose_datapath("auto", state, false).value() == underlay::Datapath::netdev);
  REQUIRE(choose_datapath("netdev", state, true).value() == underlay::Datapath::netdev);
  REQUIRE(choose_datapath("system", state, false).error().hint().find("modprobe") != std::string::npos);
  REQUIRE(choose_datapath("nonsense", state, true).error().code() == Errc::invalid_argument);
}

TEST_CASE("underlay: what the NIC had is read as it was written") {
  underlay::RememberedNic nic;
  nic.nic = "eth0";
  nic.mac = "0a:00:00:00:00:01";
  nic.addresses = {{ip("172.31.0.1"), 24}, {ip("10.9.0.1"), 16}};
  netlink::Route route;
  route.destination = net::Cidr::parse("0.0.0.0/0").value();
  route.via = ip("172.31.0.254");
  route.source = ip("172.31.0.1");
  route.onlink = true;
  route.metric = 100;
  nic.routes = {route, netlink::Route{}};
  const auto read = underlay::read_remembered(underlay::write_remembered(nic));
  REQUIRE(read.has_value());
  REQUIRE((*read == nic));
  REQUIRE(underlay::read_remembered("{}").has_error());
  REQUIRE(underlay::read_remembered(R"({"nic":"a","mac":"","addresses":["x"],"routes":[]})").has_error());
}

TEST_CASE("underlay: peers are asked at once, a few times, then now and then") {
  underlay::WarmupSchedule schedule;
  const auto start = underlay::WarmupSchedule::Time(std::chrono::hours(1));
  int asked = 0;
  for (int second = 0; second < 100; ++second) {
    asked += schedule.due(start + std::chrono::seconds(second)) ? 1 : 0;
  }
  REQUIRE(asked == 4);  // 0, 1, 3, 7
  REQUIRE(schedule.settled());
  REQUIRE(schedule.due(start + std::chrono::seconds(7) + underlay::warmup_interval));
  schedule.begin_anew();
  REQUIRE_FALSE(schedule.settled());
  REQUIRE(schedule.due(start));
}

TEST_CASE("switch: what OVSDB holds already is not written again") {
  ovs::OvsdbState state;
  ovs::AddPort vxlan = underlay::tunnel_port("br-tun", 2, ip("172.31.0.1"));
  REQUIRE_FALSE(agent::holds(state, {vxlan}));
  auto interface = std::make_shared<ovs::OvsInterface>();
  interface->name = "vxlan0";
  interface->type = "vxlan";
  interface->options = vxlan.options;
  state.bridges["br-tun"].name = "br-tun";
  state.bridges["br-tun"].interfaces["vxlan0"] = interface;
  REQUIRE(agent::holds(state, {vxlan}));
  vxlan.options["local_ip"] = "172.31.0.9";  // a new VTEP
  REQUIRE_FALSE(agent::holds(state, {vxlan}));
  REQUIRE_FALSE(agent::holds(state, {underlay::flow_bridge("br-tun", underlay::Datapath::netdev)}));
}
