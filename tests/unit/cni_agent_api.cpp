// What plugin and agent say to each other: nothing is lost on the way, requests are strict, answers may grow.
#include <set>

#include <catch2/catch.hpp>

#include "mooring/agent_api/delegated.hpp"
#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/agent_api/garbage.hpp"
#include "mooring/agent_api/messages.hpp"
#include "mooring/agent_api/readiness.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::agent_api;

namespace {

AttachRequest attach_request() {
  AttachRequest request;
  request.attachment = {"abc", "net1"};
  request.netns = "/run/netns/x";
  request.cni_network = "pods";
  request.pod_uid = "u-1";
  request.namespace_ = "shop";
  request.hostname = "db-0";
  request.interface_ordinal = 1;
  request.wishes.pools = {"fixed", "spare"};
  request.wishes.addresses = net::Ipv4Address::parse("10.0.0.5").value();
  request.configured.pools = {"web"};
  request.configured.labels = {{"rack", "7"}};
  request.trace_parent = "00-x";
  return request;
}

AttachAnswer attach_answer() {
  AttachAnswer answer;
  answer.allocation.port_id = "p-1";
  answer.allocation.network = "default";
  answer.allocation.subnet = "web";
  answer.allocation.namespace_ = "shop";
  answer.allocation.hostname = "db-0";
  answer.allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
  answer.allocation.gateway = net::Ipv4Address::parse("10.0.0.1").value();
  answer.allocation.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  answer.allocation.vni = net::Vni::from(100).value();
  answer.allocation.mtu_bytes = 1450;
  answer.allocation.generation = 0xffffffffffffULL;
  answer.ofport = 60'000;
  answer.bridge = "br-int";
  answer.ovsdb = "unix:/run/openvswitch/db.sock";
  answer.host_interface = "moabcdefghijkl";
  answer.external_ids = {{"mooring.attachment", "abc/net1"}};
  answer.disable_tx_checksum = true;
  return answer;
}

}  // namespace

TEST_CASE("messages come back as they were") {
  CHECK(to_json(attach_request_from(to_json(attach_request())).value()) == to_json(attach_request()));
  CHECK(to_json(attach_answer_from(to_json(attach_answer())).value()) == to_json(attach_answer()));
  const ConfirmRequest confirm{{"abc", "eth0"}, 7};
  CHECK(confirm_request_from(to_json(confirm)).value().generation == 7);
  const DetachRequest detach{{"abc", "eth0"}, "cni-del"};
  CHECK(detach_request_from(to_json(detach)).value().reason == "cni-del");
  CHECK(detach_answer_from(to_json(DetachAnswer{false, true})).value().journaled);
  const CheckRequest check{{"abc", "eth0"}, "10.0.0.5/24", "fd00::5/64", "0a:58:0a:00:00:05"};
  CHECK(to_json(check_request_from(to_json(check)).value()) == to_json(check));
  const CheckRequest check6{{"abc", "eth0"}, "", "fd00::5/64", "0a:58:0a:00:00:05"};
  CHECK(to_json(check_request_from(to_json(check6)).value()) == to_json(check6));
  CHECK(check_answer_from(to_json(CheckAnswer{{"one", "two"}})).value().problems.size() == 2);
}

TEST_CASE("an attach request says a limit only where there is one") {
  AttachRequest request = attach_request();
  CHECK_FALSE(to_json(request).contains("bandwidth"));
  request.bandwidth.egress = {8'000'000, 800'000};
  CHECK(attach_request_from(to_json(request)).value().bandwidth == request.bandwidth);
  Json json = to_json(request);
  json["bandwidth"]["egress"]["rate_bps"] = 1;
  const auto refused = attach_request_from(json);
  REQUIRE(refused.has_error());
  CHECK_THAT(refused.error().message(), Catch::Contains("bandwidth") && Catch::Contains("1 bits a second"));
  CHECK(parse_rate_limit(request.bandwidth.egress.str()).value() == request.bandwidth.egress);
  CHECK(parse_rate_limit("8000").value() == RateLimit{8000, 0});
  for (const char* bad : {"", "x", "8000/", "/8000", "999", "8000/-1"}) {
    CHECK(parse_rate_limit(bad).has_error());
  }
}

TEST_CASE("of an agent that carries IPv4 only, the IPv6 half is left out") {
  AttachAnswer answer = attach_answer();
  answer.allocation.address6 = net::IpInterfaceAddress::parse("fd00::5/64").value();
  answer.allocation.gateway6 = net::IpAddress::parse("fd00::1").value();
  answer.allocation.routes = {{net::IpCidr::parse("fd00:9::/32").value(), std::nullopt},
                              {net::IpCidr::parse("10.9.0.0/16").value(), std::nullopt}};
  Json json = to_json(answer);
  CHECK(attach_answer_from(json).value().allocation.addresses() == "10.0.0.5/24, fd00::5/64");
  json.erase("carries_ipv6");
  const auto old = attach_answer_from(json).value();
  CHECK(old.allocation.addresses() == "10.0.0.5/24");
  CHECK_FALSE(old.allocation.gateway6);
  REQUIRE(old.allocation.routes.size() == 1);
  CHECK(old.allocation.routes.front().destination.str() == "10.9.0.0/16");
}

TEST_CASE("the link-local address is that of the MAC") {
  const auto mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  CHECK(link_local_address(mac).str() == "fe80::858:aff:fe00:5");
}

TEST_CASE("GC, STATUS and delegated addresses come back as they were, and say what is wrong") {
  const GcRequest gc{"pods", {{"abc", "eth0"}, {"abc", "net1"}}, true};
  CHECK(gc_request_from(to_json(gc)).value() == gc);
  const GcAnswer answer{{{"a", "eth0"}}, {{"b", "eth0"}}, {{"c", "eth0"}}, {"d/eth0: why"}};
  CHECK(gc_answer_from(to_json(answer)).value() == answer);
  CHECK(gc_request_from({{"cni_network", "pods"}, {"strict", true}}).error().message().find("valid") !=
        std::string::npos);
  CHECK(gc_request_from({{"cni_network", "pods"}, {"valid", {"../x"}}}).has_error());
  ReadyRequest ready{"shop", {}};
  ready.configured.pools = {"web"};
  CHECK(ready_request_from(to_json(ready)).value().configured == ready.configured);
  CHECK(ready_request_from({{"namespace", "shop"}, {"surprise", 1}}).has_error());
  const auto status = ready_answer_from(to_json(ReadyAnswer{false, true, {"why"}, {}})).value();
  CHECK((!status.ready && status.limited && status.reasons == std::vector<std::string>{"why"}));
  CHECK(ready_answer_from(to_json(ReadyAnswer{true, false, {}, {"but"}})).value().notes ==
        std::vector<std::string>{"but"});
  CHECK(ready_answer_from({{"ready", true}, {"limited", false}, {"reasons", Json::array()}}).value().notes.empty());
  CHECK(delegated_answer_from(to_json(DelegatedAnswer{attach_answer().allocation})).value().allocation.generation ==
        attach_answer().allocation.generation);
  CHECK(delegated_answer_from(Json::object()).has_error());
  const DelegatedCheckRequest check{{"abc", "eth0"}, {"10.0.0.5/24"}};
  CHECK(delegated_check_request_from(to_json(check)).value().addresses == check.addresses);
}

TEST_CASE("requests with anything wrong are refused and the field named") {
  const auto refused = [](const char* key, const Json& value) {
    Json json = to_json(attach_request());
    json[key] = value;
    const auto request = attach_request_from(json);
    REQUIRE(request.has_error());
    CHECK(request.error().code() == Errc::invalid_argument);
    CHECK(request.error().message().find(key) != std::string::npos);
  };
  refused("surprise", 1);
  refused("attachment", {{"container_id", "../x"}, {"ifname", "eth0"}});
  refused("attachment", nullptr);
  refused("hostname", "-x");
  refused("namespace", "");
  refused("netns", nullptr);
  refused("interface_ordinal", 4'294'967'296);
  refused("wishes", {{"address", "10.0.0.256"}});
  refused("configured", {{"pools", {"-"}}});
  CHECK(
      check_request_from({{"attachment", to_json(Attachment{"a", "b"})}, {"address", "x"}, {"mac", "y"}}).has_error());
}

TEST_CASE("answers of a newer agent are understood") {
  Json json = to_json(attach_answer());
  json["surprise"] = 1;
  CHECK(attach_answer_from(json));
  CHECK(detach_answer_from({{"released", true}, {"surprise", 1}}).value().released);
  CHECK(detach_answer_from(Json::object()));
  json["external_ids"] = {{"mooring.attachment", 7}};
  CHECK(attach_answer_from(json).has_error());
}

TEST_CASE("the host end's name is a contract between versions") {
  // A plugin and an agent of different versions must compute the same: these values never change.
  CHECK(host_interface_name({"abc", "eth0"}) == "mogh6mi42shm6q");
  CHECK(host_interface_name({"abc", "net1"}) != host_interface_name({"abc", "eth0"}));
  std::set<std::string> names;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = host_interface_name({"container-" + std::to_string(i), "eth0"});
    CHECK(name.size() == 14);
    names.insert(name);
  }
  CHECK(names.size() == 20'000);
}

TEST_CASE("a note of a DEL says what a DEL says") {
  const DeletedNote note{{"abc", "eth0"}, "cni-del"};
  CHECK(read_note(write_note(note)).value() == note);
  CHECK(note_name(note.attachment) == "mogh6mi42shm6q.json");
  CHECK(is_note_name(note_name(note.attachment)));
  CHECK_FALSE(is_note_name(note_name(note.attachment) + ".123"));
  CHECK(read_note(R"({"attachment":"abc/eth0","reason":"cni-del","newer":1})").value() == note);
  const std::string text = write_note(note);
  for (std::size_t cut = 0; cut + 2 < text.size(); ++cut) {
    CHECK(read_note(text.substr(0, cut)).has_error());
  }
  CHECK(read_note(R"({"attachment":"../x","reason":"cni-del"})").error().message().find("attachment") !=
        std::string::npos);
  CHECK(read_note(R"({"attachment":"abc/eth0"})").error().message().find("reason") != std::string::npos);
}
