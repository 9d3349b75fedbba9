// The network configuration: as real runtimes write it, and everything that is wrong with it named.
#include <catch2/catch.hpp>

#include "cni-plugin/cni_result.hpp"
#include "cni-plugin/net_conf.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::cni;

namespace {

Result<NetConf> read(const std::string& text) {
  auto json = parse_input(text);
  if (!json) {
    return json.error();
  }
  return net_conf_from(std::move(*json));
}

}  // namespace

TEST_CASE("defaults") {
  const auto conf = read(R"({"cniVersion":"1.0.0","name":"pods","type":"mooring"})").value();
  CHECK(conf.agent_socket == "/run/mooring/agent.sock");
  CHECK(conf.ovsdb == "unix:/run/openvswitch/db.sock");
  CHECK(conf.timeout == std::chrono::seconds(30));
  CHECK(conf.prev_result.is_null());
}

TEST_CASE("what containerd writes is understood") {
  const auto conf = read(R"({"cniVersion":"1.0.0","name":"pods","type":"mooring","network":"shop","pool":"fixed",
    "capabilities":{"io.kubernetes.cri.pod-annotations":true,"portMappings":true},
    "runtimeConfig":{"portMappings":[{"HostPort":8080,"ContainerPort":80}],"dns":{"Servers":null,"Searches":null},
      "ips":null,"io.kubernetes.cri.pod-annotations":{"mooring.io/ip":"10.0.0.5","other":"x"}}})")
                        .value();
  const auto wishes = wishes_of(conf).value();
  CHECK(wishes.network == "shop");
  CHECK(wishes.pool == "fixed");
  CHECK(wishes.ips.empty());
  CHECK(wishes.annotations == std::map<std::string, std::string>{{"ip", "10.0.0.5"}});
}

TEST_CASE("keys of runtimeConfig are matched without regard to case") {
  const auto conf = read(R"({"cniVersion":"0.4.0","name":"pods","runtimeConfig":
    {"IPs":["10.0.0.5/24"],"Mac":"0a:58:0a:00:00:05"}})")
                        .value();
  const auto wishes = wishes_of(conf).value();
  CHECK(wishes.ips == std::vector<std::string>{"10.0.0.5/24"});
  CHECK(wishes.mac == "0a:58:0a:00:00:05");
}

TEST_CASE("bandwidth is read as the convention has it, and what runtimes fill in is no wish") {
  const auto conf = read(R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":
    {"IngressRate":8000000,"IngressBurst":4294967295,"egressRate":2000000,"egressBurst":800000}}})")
                        .value();
  const auto bandwidth = wishes_of(conf).value().bandwidth;
  CHECK(bandwidth.ingress == agent_api::RateLimit{8'000'000, 0});
  CHECK(bandwidth.egress == agent_api::RateLimit{2'000'000, 800'000});
  const auto none = read(R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":
    {"ingressRate":0,"ingressBurst":0,"egressBurst":2147483647}}})")
                        .value();
  CHECK_FALSE(wishes_of(none).value().bandwidth.limited());
}

TEST_CASE("name servers of the runtime go before the subnet's, list by list") {
  const auto conf = read(R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"dns":
    {"Servers":["192.0.2.53"],"searches":null,"options":[]}}})")
                        .value();
  const ipam_api::Dns subnet{{"10.0.0.53"}, {"example"}, {"ndots:5"}, "shop.example"};
  const ipam_api::Dns told = told_dns(subnet, wishes_of(conf).value().dns);
  CHECK(told.nameservers == std::vector<std::string>{"192.0.2.53"});
  CHECK(told.domain == "shop.example");
  CHECK(told.search == subnet.search);
  CHECK(told.options == subnet.options);
  const auto wrong = read(R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"dns":{"servers":[53]}}})").value();
  CHECK(wishes_of(wrong).error().message().find("runtimeConfig.dns.servers is [53]") != std::string::npos);
}

TEST_CASE("aliases are a list, or podman's list for this network") {
  const auto aliases_of = [](const std::string& aliases) {
    const auto conf =
        read(R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"aliases":)" + aliases + "}}").value();
    const auto wishes = wishes_of(conf);
    return wishes ? wishes->aliases : std::vector<std::string>{wishes.error().message()};
  };
  CHECK(aliases_of(R"(["db","primary"])") == std::vector<std::string>{"db", "primary"});
  CHECK(aliases_of(R"({"pods":["db"],"other":["x"]})") == std::vector<std::string>{"db"});
  for (const char* nothing : {"null", "[]", "{}", R"({"other":["x"]})", R"({"pods":null})"}) {
    CHECK(aliases_of(nothing).empty());
  }
  for (const char* wrong : {"[7]", R"("db")", R"({"pods":"db"})"}) {
    CHECK(aliases_of(wrong).front().find("runtimeConfig.aliases is ") != std::string::npos);
  }
}

TEST_CASE("addresses by convention under args.cni") {
  const auto conf = read(R"({"cniVersion":"0.4.0","name":"pods","args":{"cni":{"ips":["10.0.0.6"]}}})").value();
  CHECK(wishes_of(conf).value().ips == std::vector<std::string>{"10.0.0.6"});
}

TEST_CASE("bad configurations are refused with the right code and the key named") {
  struct Row {
    const char* text;
    Errc code;
    const char* named;
  };
  const auto row = GENERATE(values<Row>({
      {"", Errc::undecodable, "empty"},
      {" \n", Errc::undecodable, "empty"},
      {"{", Errc::undecodable, "JSON"},
      {"[]", Errc::undecodable, "object"},
      {"null", Errc::undecodable, "object"},
      {"{}{}", Errc::undecodable, "JSON"},
      {R"({"cniVersion":"1.0.0"})", Errc::invalid_config, "name"},
      {R"({"cniVersion":"1.0.0","name":""})", Errc::invalid_config, "name"},
      {R"({"cniVersion":"1.0.0","name":"../x"})", Errc::invalid_config, "name"},
      {R"({"cniVersion":"1.0.0","name":7})", Errc::invalid_config, "name"},
      {R"({"cniVersion":"1.0.0","name":"pods","gc":"always"})", Errc::invalid_config, "gc"},
      {R"({"cniVersion":"9.9.9","name":"pods"})", Errc::incompatible_version, "9.9.9"},
      {R"({"cniVersion":1,"name":"pods"})", Errc::invalid_config, "cniVersion"},
      {R"({"cniVersion":"1.0.0","name":"pods","agentSocket":"run/x"})", Errc::invalid_config, "agentSocket"},
      {R"({"cniVersion":"1.0.0","name":"pods","agentSocket":[]})", Errc::invalid_config, "agentSocket"},
      {R"({"cniVersion":"1.0.0","name":"pods","agentState":"lib"})", Errc::invalid_config, "agentState"},
      {R"({"cniVersion":"1.0.0","name":"pods","timeoutSeconds":0})", Errc::invalid_config, "timeoutSeconds"},
      {R"({"cniVersion":"1.0.0","name":"pods","timeoutSeconds":-1})", Errc::invalid_config, "timeoutSeconds"},
      {R"({"cniVersion":"1.0.0","name":"pods","timeoutSeconds":1e9})", Errc::invalid_config, "timeoutSeconds"},
      {R"({"cniVersion":"1.0.0","name":"pods","prevResult":"x"})", Errc::invalid_config, "prevResult"},
      {R"({"cniVersion":"1.0.0","name":"pods","ipam":{"type":"host-local"}})", Errc::unsupported, "host-local"},
      {R"({"cniVersion":"1.0.0","name":"pods","pool":1})", Errc::invalid_config, "pool"},
      {R"({"cniVersion":"1.0.0","name":"pods","labels":{"a":1}})", Errc::invalid_config, "labels.a"},
      {R"({"cniVersion":"1.0.0","name":"pods","labels":[]})", Errc::invalid_config, "labels"},
      {R"({"cniVersion":"1.0.0","name":"pods","retention":5})", Errc::invalid_config, "retention"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":[]})", Errc::invalid_config, "runtimeConfig"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"ips":"x"}})", Errc::invalid_config, "ips"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"mac":7}})", Errc::invalid_config, "mac"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"io.kubernetes.cri.pod-annotations":7}})",
       Errc::invalid_config, "annotations"},
      {R"({"cniVersion":"1.0.0","name":"pods","device":"macvtap"})", Errc::invalid_config, "device is \"macvtap\""},
      {R"({"cniVersion":"1.0.0","name":"pods","tapUser":4294967295})", Errc::invalid_config, "tapUser"},
      {R"({"cniVersion":"1.0.0","name":"pods","routes":{}})", Errc::invalid_config, "routes"},
      {R"({"cniVersion":"1.0.0","name":"pods","routes":[7]})", Errc::invalid_config, "routes[0]"},
      {R"({"cniVersion":"1.0.0","name":"pods","routes":[{"gw":"10.0.0.1"}]})", Errc::invalid_config, "routes[0]"},
      {R"({"cniVersion":"1.0.0","name":"pods","routes":[{"dst":"10.0.0.0/8","metric":7}]})", Errc::invalid_config,
       "routes[0].metric"},
      {R"({"cniVersion":"1.0.0","name":"pods","routes":[{"dst":"10.0.0.0/8","gw":"fd00::1"}]})", Errc::invalid_config,
       "routes[0].gw"},
      {R"({"cniVersion":"1.0.0","name":"pods","routes":[{"dst":"10.0.0.0/8","gw":"10.0.0.1","scope":253}]})",
       Errc::invalid_config, "routes[0]"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":8000}})", Errc::invalid_config,
       "runtimeConfig.bandwidth is 8000"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":{"ingressRate":999}}})",
       Errc::invalid_config, "runtimeConfig.bandwidth.ingressRate is 999"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":{"egressRate":1e9}}})", Errc::invalid_config,
       "runtimeConfig.bandwidth.egressRate is 1000000000.0"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":{"egressRate":-1}}})", Errc::invalid_config,
       "runtimeConfig.bandwidth.egressRate is -1"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":{"egressBurst":80000}}})",
       Errc::invalid_config, "runtimeConfig.bandwidth.egressBurst is 80000"},
      {R"({"cniVersion":"1.0.0","name":"pods","runtimeConfig":{"bandwidth":{"ingressRate":4294967295001}}})",
       Errc::invalid_config, "runtimeConfig.bandwidth.ingressRate is 4294967295001"},
  }));
  CAPTURE(row.text);
  const auto conf = read(row.text);
  const auto wishes = conf ? wishes_of(*conf) : Result<ConfiguredWishes>(conf.error());
  REQUIRE(wishes.has_error());
  CHECK(wishes.error().code() == row.code);
  CHECK(wishes.error().message().find(row.named) != std::string::npos);
}

TEST_CASE("routes have CNI's attributes, and a device is a veth or a tap") {
  const auto conf = read(R"({"cniVersion":"1.1.0","name":"pods","device":"tap","tapUser":1000,"routes":[
    {"dst":"10.9.0.0/16","gw":"10.0.0.2","priority":7,"mtu":1400,"advmss":1360,"table":100,"scope":0},
    {"dst":"fd00::/8","scope":253}]})")
                        .value();
  CHECK(conf.device.is_tap);
  CHECK(conf.device.tap_user == 1000U);
  CHECK_FALSE(conf.device.tap_group);
  const auto routes = wishes_of(conf).value().routes;
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].destination.str() == "10.9.0.0/16");
  CHECK(routes[0].via->str() == "10.0.0.2");
  CHECK(routes[0].metric == 7);
  CHECK(routes[0].mtu_bytes == 1400);
  CHECK(routes[0].advmss_bytes == 1360);
  CHECK(routes[0].table == 100);
  CHECK_FALSE(routes[1].via);
  CHECK(routes[1].scope == 253);
  CHECK_FALSE(read(R"({"cniVersion":"1.1.0","name":"pods"})").value().device.is_tap);
}

TEST_CASE("nesting that would exhaust a stack is refused") {
  const std::string deep = R"({"cniVersion":"1.0.0","name":"pods","prevResult":)" + std::string(500'000, '[');
  CHECK(parse_input(deep).error().code() == Errc::undecodable);
  CHECK(parse_input(R"({"x":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})"));
}

TEST_CASE("versions are ordered") {
  CHECK(is_before("0.4.0", "1.0.0"));
  CHECK_FALSE(is_before("1.0.0", "1.0.0"));
  CHECK_FALSE(is_before("1.1.0", "0.3.1"));
  CHECK_FALSE(is_supported("0.5.0"));
  CHECK(read(R"({"name":"pods"})").value().cni_version == "0.1.0");  // as the specification says
}
