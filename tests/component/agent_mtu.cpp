// The MTU of containers follows the underlay where their subnet says none; one that it does not carry is told.
#include <catch2/catch.hpp>

#include "agent_stage.hpp"

using namespace mooring;
using namespace mooring::tests;

TEST_CASE("agent: an MTU that is too big for the underlay is told") {
  AgentStage stage;
  stage.start_agent();
  CHECK(stage.try_status()["underlay_mtu_bytes"] == 1500);
  stage.add("c1", "web-0");  // 1450
  CHECK(stage.try_status()["warnings"] == Json::array());

  auto client = stage.controller.client();
  AgentStage::must(
      ask(client, "POST", "/v1/subnets", {{"name", "s2"}, {"vni", 200}, {"cidr", "10.2.0.0/24"}, {"mtu_bytes", 1451}}));
  AgentStage::must(ask(client, "POST", "/v1/pools", {{"name", "p2"}, {"subnet", "s2"}}));
  const auto attached = stage.call("POST", "/v1/attach",
                                   {{"attachment", stage.attachment("c2")},
                                    {"netns", "/run/netns/x"},
                                    {"namespace", "shop"},
                                    {"hostname", "web-1"},
                                    {"wishes", {{"pools", {"p2"}}}}});
  INFO(attached.response.body);
  REQUIRE(attached.status == 200);
  const Json status = stage.try_status();
  CHECK(status["ready"] == true);
  REQUIRE(status["warnings"].size() == 1);
  CHECK(status["warnings"][0].get<std::string>().find("1 ports: containers of MTU 1451") == 0);
  CHECK(stage.log().find("subnet s2: containers of MTU 1451") != std::string::npos);
}

TEST_CASE("agent: the MTU of a port is the underlay's less VXLAN, unless the subnet has one") {
  AgentStage stage;
  stage.sandbox.run("ip link set eth0 mtu 1400 && ip link set wire mtu 1400");
  stage.start_agent();
  CHECK(stage.try_status()["underlay_mtu_bytes"] == 1400);
  const Json derived = stage.add("c1", "web-0");
  CHECK(derived["allocation"]["mtu_bytes"] == 1350);
  CHECK(derived["external_ids"]["mooring.mtu"] == "1350");
  CHECK(stage.try_status()["warnings"] == Json::array());
}
