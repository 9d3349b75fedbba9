// ADD by the real program: what it makes, what it tells the agent, and that a failure at any step leaves nothing.
#include <chrono>
#include <signal.h>

#include <catch2/catch.hpp>

#include "component/cni_stage.hpp"

using namespace mooring;
using namespace mooring::tests;

namespace {

using Answer = FakeAgent::Answer;

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

void expect_error(CniStage& stage, const PluginOutcome& outcome, int code, const std::string& text) {
  const Json error = outcome.json();
  CAPTURE(error.dump(), outcome.log, outcome.milliseconds);
  CHECK(outcome.exit_code == 1);
  CHECK(error["code"] == code);
  CHECK(error["cniVersion"] == "1.0.0");
  CHECK(error["msg"].get<std::string>().find(text) != std::string::npos);
  CHECK(stage.links_on_node() == 0);
  CHECK(stage.links_in_container() == 0);
  CHECK(stage.ovs_ports() == 0);
}

}  // namespace

TEST_CASE("ADD makes link, OVS port, address and routes, and tells them") {
  CniStage stage;
  const auto outcome = stage.run("ADD", stage.conf());
  const Json result = outcome.json();
  REQUIRE(outcome.exit_code == 0);
  CHECK(outcome.log.empty());
  CHECK(result["ips"][0] == Json::parse(R"({"address":"10.0.0.5/24","gateway":"10.0.0.1","interface":1})"));
  CHECK(result["interfaces"][0]["name"] == stage.host_interface);
  CHECK(result["interfaces"][1]["sandbox"] == stage.container.path());

  const std::string link = stage.container.run("ip -o link show eth0");
  CHECK(link.find("mtu 1450") != std::string::npos);
  CHECK(link.find("LOWER_UP") != std::string::npos);
  CHECK(link.find("link/ether 0a:58:0a:00:00:05") != std::string::npos);
  CHECK(stage.container.run("ip -4 -o addr show eth0").find("10.0.0.5/24") != std::string::npos);
  const std::string routes = stage.container.run("ip route");
  CHECK(routes.find("default via 10.0.0.1 dev eth0") != std::string::npos);
  CHECK(routes.find("192.168.0.0/16 via 10.0.0.1 dev eth0") != std::string::npos);
  CHECK(stage.container.run("ip -o link show lo").find("UP") != std::string::npos);
  CHECK(stage.container.run("ethtool -k eth0").find("tx-checksumming: off") != std::string::npos);

  const std::string host = CniStage::ovs().space().run("ip -o link show " + stage.host_interface);
  CHECK(host.find("mtu 1450") != std::string::npos);
  CHECK(host.find(result["interfaces"][0]["mac"].get<std::string>()) != std::string::npos);
  CHECK(CniStage::ovs().vsctl("port-to-br " + stage.host_interface) == "br-int\n");
  const std::string row = CniStage::ovs().vsctl("get Interface " + stage.host_interface + " external_ids");
  CHECK(row.find("mooring.attachment=\"" + stage.attachment.str() + "\"") != std::string::npos);
  CHECK(
      eventually([&] { return CniStage::ovs().vsctl("get Interface " + stage.host_interface + " ofport") == "17\n"; }));

  CHECK(stage.agent.story() == "/v1/attach /v1/confirm");
  CHECK(stage.agent.calls()[1].body["generation"] == 42);
}

TEST_CASE("routes of subnet and configuration keep their attributes, and CHECK looks at them") {
  CniStage stage;
  auto answer = stage.attach_answer();
  ipam_api::Route of_subnet{net::Cidr::parse("192.168.0.0/16").value()};
  of_subnet.metric = 50;
  of_subnet.mtu_bytes = 1300;
  answer.allocation.routes = {of_subnet};
  stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
  Json conf = stage.conf("1.1.0");
  conf["routes"] = Json::parse(R"([{"dst":"0.0.0.0/0","priority":7},{"dst":"10.9.0.0/16","scope":253},
    {"dst":"10.8.0.0/16","gw":"10.0.0.9","advmss":1200,"table":100}])");
  conf["runtimeConfig"]["dns"] = Json::parse(R"({"Servers":["192.0.2.53"],"Searches":null,"Options":["ndots:5"]})");
  const auto outcome = stage.run("ADD", conf);
  CAPTURE(outcome.output, outcome.log);
  REQUIRE(outcome.exit_code == 0);
  const Json result = outcome.json();
  CHECK(result["dns"]["nameservers"] == Json{"192.0.2.53"});
  CHECK(result["dns"]["options"] == Json{"ndots:5"});
  CHECK(result["routes"] == Json::parse(R"([{"dst":"192.168.0.0/16","gw":"10.0.0.1","priority":50,"mtu":1300},
    {"dst":"0.0.0.0/0","gw":"10.0.0.1","priority":7},{"dst":"10.9.0.0/16","scope":253},
    {"dst":"10.8.0.0/16","gw":"10.0.0.9","advmss":1200,"table":100}])"));
  const std::string routes = stage.container.run("ip route; ip route show table 100");
  for (const char* route :
       {"default via 10.0.0.1 dev eth0 proto static metric 7",
        "192.168.0.0/16 via 10.0.0.1 dev eth0 proto static metric 50 mtu 1300",
        "10.9.0.0/16 dev eth0 proto static scope link", "10.8.0.0/16 via 10.0.0.9 dev eth0 proto static advmss 1200"}) {
    CAPTURE(routes);
    CHECK(routes.find(route) != std::string::npos);
  }
  conf["prevResult"] = result;
  CHECK(stage.run("CHECK", conf).exit_code == 0);
  stage.container.run("ip route del default && ip route add default via 10.0.0.1 metric 8");
  CHECK(stage.run("CHECK", conf).json()["msg"].get<std::string>().find("the route to 0.0.0.0/0") != std::string::npos);
}

TEST_CASE("ADD makes both families, or IPv6 alone, also where the container's default is no IPv6") {
  const bool with_v4 = GENERATE(true, false);
  CAPTURE(with_v4);
  CniStage stage;
  stage.container.run("for of in default lo; do echo 1 > /proc/sys/net/ipv6/conf/$of/disable_ipv6; done");
  auto answer = stage.attach_answer();
  answer.allocation.address6 = net::IpInterfaceAddress::parse("fd00::5/64").value();
  answer.allocation.gateway6 = net::IpAddress::parse("fd00::1").value();
  answer.allocation.routes = {{net::IpCidr::parse("fd00:9::/32").value(), std::nullopt}};
  if (!with_v4) {
    answer.allocation.address = {};
  }
  stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
  const auto outcome = stage.run("ADD", stage.conf());
  CAPTURE(outcome.log);
  REQUIRE(outcome.exit_code == 0);
  const Json result = outcome.json();
  CHECK(result["ips"].size() == (with_v4 ? 2 : 1));
  CHECK(result["ips"].back() == Json::parse(R"({"address":"fd00::5/64","gateway":"fd00::1","interface":1})"));
  const std::string addresses = stage.container.run("ip -6 -o addr show eth0");
  CHECK(addresses.find("fd00::5/64 scope global") != std::string::npos);
  CHECK(addresses.find("fe80::858:aff:fe00:5/64 scope link") != std::string::npos);
  CHECK(std::count(addresses.begin(), addresses.end(), '\n') == 2);
  CHECK(addresses.find("tentative") == std::string::npos);
  CHECK(stage.container.run("ip -6 -o addr show lo").find("::1/128") != std::string::npos);
  CHECK(stage.container.run("cat /proc/sys/net/ipv6/conf/eth0/accept_ra") == "0\n");
  CHECK(stage.container.run("ip -4 -o addr show eth0").empty() != with_v4);
  const std::string routes = stage.container.run("ip -6 route");
  CHECK(routes.find("default via fd00::1 dev eth0") != std::string::npos);
  CHECK(routes.find("fd00:9::/32 via fd00::1 dev eth0") != std::string::npos);

  Json conf = stage.conf();
  conf["prevResult"] = result;
  CHECK(stage.run("CHECK", conf).exit_code == 0);
  CHECK(stage.agent.calls().back().body["address6"] == "fd00::5/64");
  stage.container.run("ip -6 route del default");
  CHECK(stage.run("CHECK", conf).json()["msg"].get<std::string>().find("the route to ::/0 via fd00::1 is missing") !=
        std::string::npos);
  CHECK(stage.run("DEL", conf).exit_code == 0);
  CHECK(stage.is_clean());
}

TEST_CASE("the agent is told who asks and what for") {
  CniStage stage;
  Json conf = stage.conf("1.1.0");
  conf["pool"] = "web";
  conf["runtimeConfig"] = {{"io.kubernetes.cri.pod-annotations", {{"mooring.io/ip", "10.0.0.5"}}}};
  const auto outcome =
      stage.run("ADD", conf,
                {{"CNI_ARGS", "K8S_POD_UID=u-1;K8S_POD_NAME=db-0;IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;X=y"},
                 {"TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  REQUIRE(outcome.exit_code == 0);
  CHECK(outcome.json()["interfaces"][1]["mtu"] == 1450);
  const auto asked = agent_api::attach_request_from(stage.agent.calls().at(0).body).value();
  CHECK(asked.attachment == stage.attachment);
  CHECK(asked.netns == stage.container.path());
  CHECK(asked.namespace_ == "shop");
  CHECK(asked.hostname == "db-0");
  CHECK(asked.pod_uid == "u-1");
  CHECK(asked.configured.pools == std::vector<std::string>{"web"});
  CHECK(asked.wishes.addresses.str() == "10.0.0.5");
  CHECK(asked.trace_parent.starts_with("00-0af7"));
}

TEST_CASE("a second interface leaves the first one's default route alone and does not claim it") {
  CniStage stage;
  REQUIRE(stage.run("ADD", stage.conf()).exit_code == 0);
  const agent_api::Attachment second{stage.attachment.container_id, "net1"};
  auto answer = stage.attach_answer();
  answer.host_interface = agent_api::host_interface_name(second);
  answer.external_ids = {{"mooring.attachment", second.str()}};
  answer.allocation.address = net::InterfaceAddress::parse("10.7.0.5/24").value();
  answer.allocation.gateway = net::Ipv4Address::parse("10.7.0.1").value();
  answer.allocation.routes.clear();
  answer.ofport = 18;
  stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
  Json conf = stage.conf();
  const std::map<std::string, std::string> net1{{"CNI_IFNAME", "net1"}};
  const Json result = stage.run("ADD", conf, net1).json();
  CHECK(result["routes"] == Json::array());
  CHECK(stage.agent.calls()[2].body["interface_ordinal"] == 1);
  CHECK(stage.container.run("ip route show default") == "default via 10.0.0.1 dev eth0 proto static \n");
  conf["prevResult"] = result;
  CHECK(stage.run("CHECK", conf, net1).exit_code == 0);
  CHECK(stage.run("DEL", conf, net1).exit_code == 0);
  CHECK(stage.links_in_container() == 1);
  CHECK(stage.run("DEL", stage.conf()).exit_code == 0);
  CHECK(stage.is_clean());
}

TEST_CASE("a result that nobody reads is taken back") {
  CniStage stage;
  RunningPlugin plugin = stage.start("ADD", stage.conf());
  plugin.close_output();
  CHECK(plugin.wait().exit_code == 1);
  CHECK(stage.is_clean());
  CHECK(stage.agent.story() == "/v1/attach /v1/confirm /v1/detach");
}

TEST_CASE("a failure at any step leaves nothing and gives the address back") {
  CniStage stage;
  SECTION("the pool is empty") {
    stage.agent.fail("/v1/attach", Error(Errc::exhausted, "pool web: 0 of 254 free", "extend the pool"));
    expect_error(stage, stage.run("ADD", stage.conf()), 104, "pool web: 0 of 254 free (extend the pool)");
  }
  SECTION("the address is somebody else's") {
    stage.agent.fail("/v1/attach", Error(Errc::address_taken, "10.0.0.5 belongs to shop/web-1", "choose another"));
    expect_error(stage, stage.run("ADD", stage.conf()), 105, "10.0.0.5 belongs to shop/web-1");
  }
  SECTION("the agent hangs up") {
    stage.agent.reply("/v1/attach", [](const Json&) { return Answer{200, "", false, true, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 11, "connection was closed");
  }
  SECTION("the agent speaks something else") {
    stage.agent.reply("/v1/attach", [](const Json&) { return Answer{200, "", false, false, "SSH-2.0-x\r\n\r\n"}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 11, "not HTTP");
  }
  SECTION("the agent's answer makes no sense") {
    stage.agent.reply("/v1/attach", [](const Json&) { return Answer{200, R"({"ofport":1})", false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 999, "the agent's answer");
  }
  SECTION("the agent never answers") {
    stage.agent.reply("/v1/attach", [](const Json&) { return Answer{200, "", true, false, {}}; });
    Json conf = stage.conf();
    conf["timeoutSeconds"] = 2;
    expect_error(stage, stage.run("ADD", conf), 11, "time is up");
  }
  SECTION("the agent names the host end otherwise") {
    auto answer = stage.attach_answer();
    answer.host_interface = "mosomethingelse";
    stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 2, "same or neighbouring versions");
  }
  SECTION("Open vSwitch is not there") {
    auto answer = stage.attach_answer();
    answer.ovsdb = "unix:" + stage.directory + "/no.sock";
    stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 11, "systemctl status openvswitch-switch");
  }
  SECTION("there is no such bridge") {
    auto answer = stage.attach_answer();
    answer.bridge = "br-none";
    stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 11, "no such bridge");
  }
  SECTION("Open vSwitch refuses the row") {
    auto answer = stage.attach_answer();
    answer.ofport = 70'000;
    stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 5, "constraint violation");
  }
  SECTION("a route cannot be set") {
    auto answer = stage.attach_answer();
    answer.allocation.routes = {{net::Cidr::parse("10.0.0.0/24").value(), net::Ipv4Address(0)}};
    stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 5, "adding route 10.0.0.0/24");
  }
  SECTION("the MTU is impossible") {
    auto answer = stage.attach_answer();
    answer.allocation.mtu_bytes = 20;
    stage.agent.reply("/v1/attach", [=](const Json&) { return Answer{200, to_json(answer).dump(), false, false, {}}; });
    expect_error(stage, stage.run("ADD", stage.conf()), 5, "setting the MTU");
  }
  SECTION("a newer owner took the binding") {
    stage.agent.fail("/v1/confirm", Error(Errc::superseded, "superseded by u-2 on h2"));
    expect_error(stage, stage.run("ADD", stage.conf()), 106, "superseded by u-2 on h2");
  }
  SECTION("the port does not forward in time") {
    stage.agent.reply("/v1/confirm", [](const Json&) { return Answer{200, "", true, false, {}}; });
    Json conf = stage.conf();
    conf["timeoutSeconds"] = 2;
    expect_error(stage, stage.run("ADD", conf), 11, "/v1/confirm): waiting for the answer: time is up");
  }
  const auto calls = stage.agent.calls();
  REQUIRE(calls.size() >= 2);
  CHECK(calls.back().path == "/v1/detach");
  CHECK(calls.back().body["reason"] == "cni-add-failed");
}

TEST_CASE("without an agent nothing is made, and the error says what to do") {
  CniStage stage;
  Json conf = stage.conf();
  conf["agentSocket"] = stage.directory + "/no.sock";
  expect_error(stage, stage.run("ADD", conf), 11, "systemctl status mooring-agent");
  CHECK(stage.agent.calls().empty());
}

TEST_CASE("an interface of that name is refused before anything is made, and stays") {
  CniStage stage;
  stage.container.run("ip link add eth0 type veth peer name eth9");
  const auto outcome = stage.run("ADD", stage.conf());
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.json()["code"] == 101);
  CHECK(stage.agent.calls().empty());
  CHECK(stage.links_in_container() == 2);
  CHECK(stage.links_on_node() + stage.ovs_ports() == 0);
}

TEST_CASE("an OVS port of that name is not made twice, stays, and DEL removes it") {
  CniStage stage;
  CniStage::ovs().vsctl("add-port br-int " + stage.host_interface + " -- set Interface " + stage.host_interface +
                        " type=internal");
  const auto outcome = stage.run("ADD", stage.conf());
  CHECK(outcome.json()["code"] == 101);
  CHECK(stage.links_in_container() == 0);
  CHECK(stage.ovs_ports() == 2);  // its Port and its Interface row
  CHECK(stage.run("DEL", stage.conf()).exit_code == 0);
  CHECK(stage.is_clean());
}

TEST_CASE("namespaces that are none, gone, or the node's own are refused") {
  CniStage stage;
  expect_error(stage, stage.run("ADD", stage.conf(), {{"CNI_NETNS", "/run/netns/there-is-none"}}), 3, "CNI_NETNS");
  expect_error(stage, stage.run("ADD", stage.conf(), {{"CNI_NETNS", "/etc/hostname"}}), 4, "CNI_NETNS");
  expect_error(stage, stage.run("ADD", stage.conf(), {{"CNI_NETNS", CniStage::ovs().space().path()}}), 4,
               "the node itself");
  CHECK(stage.agent.calls().empty());
}

TEST_CASE("malformed input is one error object and makes nothing") {
  CniStage stage;
  struct Row {
    const char* input;
    int code;
  };
  const auto row = GENERATE(values<Row>({{"", 6},
                                         {"{", 6},
                                         {"[]", 6},
                                         {R"({"cniVersion":"2.0.0","name":"pods"})", 1},
                                         {R"({"cniVersion":"1.0.0"})", 7},
                                         {R"({"cniVersion":"1.0.0","name":"pods","timeoutSeconds":"x"})", 7},
                                         {R"({"cniVersion":"1.0.0","name":"pods","pool":"No Pool"})", 7},
                                         {R"({"cniVersion":"1.0.0","name":"pods","ipam":{"type":"static"}})", 2},
                                         {R"({"cniVersion":"1.0.0","name":"pods","kind":"\ud83d\ude00"})", 7}}));
  CAPTURE(row.input);
  const auto outcome = stage.run_with_input("ADD", row.input);
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.json()["code"] == row.code);
  CHECK(stage.is_clean());
  CHECK(stage.agent.calls().empty());
}

TEST_CASE("SIGTERM in the middle of an ADD takes everything back") {
  CniStage stage;
  const auto [path, signal] =
      GENERATE(table<const char*, int>({{"/v1/attach", SIGTERM}, {"/v1/confirm", SIGTERM}, {"/v1/confirm", SIGINT}}));
  CAPTURE(path, signal);
  stage.agent.reply(path, [](const Json&) { return Answer{200, "", true, false, {}}; });
  RunningPlugin plugin = stage.start("ADD", stage.conf());
  REQUIRE(eventually([&] { return stage.agent.story().ends_with(path) && stage.links_on_node() == 1; }));
  ::kill(plugin.pid(), signal);
  expect_error(stage, plugin.wait(), 11, "ended by a signal");
  CHECK(stage.agent.story().ends_with("/v1/detach"));
}

TEST_CASE("kill -9 in the middle of an ADD leaves what DEL removes") {
  CniStage stage;
  const std::string path = GENERATE("/v1/attach", "/v1/confirm");
  CAPTURE(path);
  stage.agent.reply(path, [](const Json&) { return Answer{200, "", true, false, {}}; });
  RunningPlugin plugin = stage.start("ADD", stage.conf());
  REQUIRE(eventually([&] { return stage.agent.story().ends_with(path) && stage.links_on_node() == 1; }));
  ::kill(plugin.pid(), SIGKILL);
  CHECK(plugin.wait().exit_code == 128 + SIGKILL);
  CHECK_FALSE(stage.is_clean());
  CHECK(stage.run("DEL", stage.conf()).exit_code == 0);
  CHECK(stage.is_clean());
}
