// The flows of a gateway as text (tests/golden/gateway_flows_*.txt; MOORING_UPDATE_GOLDEN=1 writes them anew), how they
// change with the directory, and which may be deleted.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "fakes/watch_source.hpp"
#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/group.hpp"
#include "mooring/ovs/library.hpp"
#include "overlay-gateway/domain/flow_plan.hpp"
#include "overlay-gateway/domain/presence.hpp"

using namespace mooring;
using namespace mooring::gateway;
using fakes::WatchSource;

namespace {

net::Vni vni(std::uint32_t value) {
  return net::Vni::from(value).value();
}
net::Ipv4Address ip(const std::string& text) {
  return net::Ipv4Address::parse(text).value();
}

// A directory that is whole, and a source to change it with.
struct Overlay {
  WatchSource source;
  directory::Directory replica{""};
  FlowPlan plan{replica, settings()};

  Overlay() {
    replica.begin_snapshot("inc-1", false);
    replica.end_of_snapshots(0, {});
    network("default", false);
    subnet("pods", "default", "10.0.0.0/24", 100);
    subnet("more", "default", "10.0.1.0/24", 101);
    commit(WatchSource::object("node", "n1", {{"vtep", "172.31.0.1"}}));
    commit(WatchSource::object("node", "n2", {{"vtep", "172.31.0.2"}}));
    commit(WatchSource::object("gateway", "gw1", {{"vtep", "172.31.0.9"}, {"network", "default"}}));
    commit(WatchSource::object("gateway", "gw2", {{"vtep", "172.31.0.10"}, {"network", "default"}}));
    commit(WatchSource::port(100, "10.0.0.5", "n1", 0));
    commit(WatchSource::port(101, "10.0.1.6", "n2", 0));
    replica.take_changes();
  }
  static GatewaySettings settings() {
    GatewaySettings settings;
    settings.name = "gw1";
    settings.network = "default";
    settings.vtep = ip("172.31.0.9");
    settings.controller = TcpDoor{ip("172.30.0.250"), 7480};
    return settings;
  }
  void network(const std::string& name, bool isolated) {
    commit(WatchSource::object("network", name, {{"isolated", isolated}}));
  }
  void subnet(const std::string& name, const std::string& network, const std::string& cidr, std::uint32_t number) {
    commit(WatchSource::object("subnet", name,
                               {{"network", network},
                                {"vni", number},
                                {"cidr", cidr},
                                {"gateway", cidr.substr(0, cidr.rfind('.')) + ".1"},
                                {"mtu_bytes", 1450}}));
  }
  void commit(ipam_api::Entry entry) {
    const auto frame = ipam_api::parse_frame(source.commit({std::move(entry)})).value();
    for (const auto& one : std::get<ipam_api::Changes>(frame).changes) {
      replica.apply(one);
    }
    replica.advance(source.revision);
  }

  std::string text() const {
    ovs::initialise("mooring-tests");
    ovs::DesiredFlows flows;
    for (const FlowGroup& group : plan.all_groups()) {
      for (const std::string& line : plan.lines(group)) {
        flows.add(line).value();
      }
    }
    std::string groups;
    for (const FlowGroup& group : plan.all_groups()) {
      for (const std::string& line : plan.switch_groups(group)) {
        groups += ovs::parse_group(line).value().text + "\n";
      }
    }
    return groups.empty() ? flows.text() : "# br-tun\n" + flows.text() + "# groups of br-tun\n" + groups;
  }
  std::vector<std::string> destination(const std::string& address, std::uint32_t number = 100) const {
    FlowGroup group;
    group.kind = FlowGroup::Kind::destination;
    group.key = PortKey{vni(number), ip(address)};
    return plan.lines(group);
  }
};

std::string golden(const std::string& name, const std::string& now) {
  const std::string path = std::string(MOORING_SOURCE_DIR) + "/tests/golden/" + name;
  if (std::getenv("MOORING_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << now;
  }
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

ovs::Flow flow_with(std::uint64_t cookie) {
  ovs::Flow flow;
  flow.cookie = cookie;
  return flow;
}

}  // namespace

TEST_CASE("a gateway's flows, as text") {
  Overlay overlay;
  const std::string now = overlay.text();
  CHECK(now == golden("gateway_flows_default.txt", now));
}

TEST_CASE("a gateway that takes traffic answers BFD, one that does not does not") {
  Overlay overlay;
  CHECK(overlay.plan.lines(FlowPlan::liveness_group()).empty());
  overlay.plan.answer_liveness(true);
  const auto lines = overlay.plan.lines(FlowPlan::liveness_group());
  REQUIRE(lines.size() == 1);
  CHECK(ovs::parse_flow(lines.front())->key.str() == "table=11,priority=250,udp,tun_id=0,tp_dst=3784");
}

TEST_CASE("when a gateway takes traffic") {
  PresenceFacts good;
  good.whole = good.connected = good.links_up = true;
  CHECK(takes_traffic(false, good));
  PresenceFacts partial = good;
  partial.whole = false;
  CHECK_FALSE(takes_traffic(false, partial));  // it begins when everything is there
  CHECK(takes_traffic(true, partial));         // and goes on while something is missing
  for (bool PresenceFacts::*fact : {&PresenceFacts::connected, &PresenceFacts::links_up}) {
    PresenceFacts without = good;
    without.*fact = false;
    CHECK_FALSE(takes_traffic(true, without));
  }
  PresenceFacts draining = good;
  draining.draining = true;
  CHECK_FALSE(takes_traffic(true, draining));
  CHECK(has_shared_address("gw1", true, good, {}));
  CHECK(has_shared_address("gw1", true, good, {"gw2"}));
  CHECK_FALSE(has_shared_address("gw2", true, good, {"gw1", "gw3"}));
  CHECK_FALSE(has_shared_address("gw1", false, draining, {"gw2"}));
  CHECK(has_shared_address("gw1", false, draining, {}));  // nobody else would answer
  PresenceFacts cut = draining;
  cut.links_up = false;
  CHECK_FALSE(has_shared_address("gw1", false, cut, {}));
  CHECK(service_state(true, true, false) == "serving");
  CHECK(service_state(false, false, false) == "not-ready");
  CHECK(service_state(false, true, true) == "draining");  // the only one, or others are still to take over
  CHECK(service_state(false, false, true) == "drained");
}

TEST_CASE("in an isolated network the gateway relays nothing from one subnet to another") {
  Overlay overlay;
  overlay.network("default", true);
  const std::string now = overlay.text();
  CHECK(now == golden("gateway_flows_isolated.txt", now));
}

TEST_CASE("IPv6 subnets are carried beside IPv4 ones, and what leaves comes from them") {
  Overlay overlay;
  overlay.commit(WatchSource::object(
      "subnet6", "pods",
      {{"network", "default"}, {"vni", 100}, {"cidr", "fd00:1::/64"}, {"gateway", "fd00:1::1"}, {"mtu_bytes", 1450}}));
  auto port = WatchSource::port(100, "fd00:1::5", "n1", 0);
  port.key = "fd00:1::5/128";
  port.kind = "port6";
  overlay.commit(std::move(port));
  REQUIRE(overlay.plan.subnets().size() == 3);
  const std::string now = overlay.text();
  CHECK(now == golden("gateway_flows_ipv6.txt", now));
}

TEST_CASE("only ports of the gateway's own network have flows, and only where their node is known") {
  Overlay overlay;
  overlay.network("other", false);
  overlay.subnet("theirs", "other", "10.0.0.0/24", 200);  // overlaps with ours: allowed between networks
  overlay.commit(WatchSource::port(200, "10.0.0.7", "n1", 0));
  overlay.commit(WatchSource::port(100, "10.0.0.8", "n3", 0));
  overlay.commit(WatchSource::port(100, "10.5.0.8", "n1", 0));  // outside of every subnet of its VNI
  CHECK(overlay.destination("10.0.0.7", 200).empty());
  CHECK(overlay.destination("10.0.0.8").empty());
  CHECK(overlay.destination("10.5.0.8").empty());
  CHECK(overlay.destination("10.0.0.5").size() == 1);
  overlay.commit(WatchSource::object("node", "n3", {{"vtep", "172.31.0.3"}}));
  CHECK(overlay.destination("10.0.0.8").size() == 1);
}

TEST_CASE("a change of one entry touches its own flows") {
  Overlay overlay;
  overlay.commit(WatchSource::port(100, "10.0.0.5", "n2", 0));
  auto groups = overlay.plan.affected_by(overlay.replica.take_changes());
  REQUIRE(groups.size() == 1);
  CHECK(groups.begin()->key == PortKey{vni(100), ip("10.0.0.5")});
  CHECK(overlay.destination("10.0.0.5")[0].find("set_field:172.31.0.2->tun_dst") != std::string::npos);

  // A node's VTEP is one change and moves all its ports, and the list of known senders.
  overlay.commit(WatchSource::object("node", "n2", {{"vtep", "172.31.0.22"}}));
  groups = overlay.plan.affected_by(overlay.replica.take_changes());
  CHECK(groups.size() == 3);
  CHECK(overlay.destination("10.0.0.5")[0].find("set_field:172.31.0.22->tun_dst") != std::string::npos);

  overlay.commit(WatchSource::object("gateway", "gw3", {{"vtep", "172.31.0.11"}, {"network", "default"}}));
  groups = overlay.plan.affected_by(overlay.replica.take_changes());
  REQUIRE(groups.size() == 1);
  CHECK(groups.begin()->kind == FlowGroup::Kind::layout);

  overlay.subnet("third", "default", "10.0.2.0/24", 102);
  CHECK(overlay.plan.affected_by(overlay.replica.take_changes()) == overlay.plan.all_groups());
  CHECK(overlay.plan.affected_by(directory::Changes()).empty());
}

TEST_CASE("flows go only when their absence is known") {
  directory::Directory replica("");
  const auto fixed = flow_with(cookie_of(FlowOwner::fixed));
  const auto layout = flow_with(cookie_of(FlowOwner::layout));
  const auto destination = flow_with(cookie_of(FlowOwner::destination, 40));
  const auto foreign = flow_with(0x1234);
  CHECK(may_delete(fixed, replica));
  CHECK(may_delete(foreign, replica));
  CHECK_FALSE(may_delete(layout, replica));
  CHECK_FALSE(may_delete(destination, replica));

  replica.begin_snapshot("inc-1", false);
  CHECK_FALSE(may_delete(layout, replica));
  replica.end_of_snapshots(39, {});  // of a controller that is behind the flow
  CHECK(may_delete(layout, replica));
  CHECK_FALSE(may_delete(destination, replica));
  replica.advance(40);
  CHECK(may_delete(destination, replica));
}

TEST_CASE("a cookie carries owner and generation") {
  const std::uint64_t cookie = cookie_of(FlowOwner::destination, 0x123456789abcULL);
  CHECK(owner_of(cookie) == FlowOwner::destination);
  CHECK(generation_of(cookie) == 0x123456789abcULL);
  CHECK(owner_of(0) == FlowOwner::none);
  CHECK(owner_of(cookie_mark | 2U) == FlowOwner::none);  // an agent's
}

TEST_CASE("a VIP's connections go to its healthy back ends, wherever these live") {
  Overlay overlay;
  const auto vip = [](bool healthy) {
    return WatchSource::object(
        "vip", "shop",
        {{"network", "default"},
         {"vni", 100},
         {"address", "10.0.0.80"},
         {"number", 3},
         {"ports", {"tcp:80:8080", "udp:53:53"}},
         {"backends",
          {{{"address", "10.0.0.5"}, {"vni", 100}, {"healthy", healthy}, {"since", 7}},
           {{"address", "10.0.1.6"}, {"vni", 101}, {"healthy", true}, {"since", 5}},
           {{"address", "10.0.0.9"}, {"vni", 100}, {"healthy", true}, {"since", 6}}}}});  // not known where
  };
  overlay.commit(vip(true));
  auto groups = overlay.plan.affected_by(overlay.replica.take_changes());
  REQUIRE(groups == FlowGroups{vip_group("shop")});
  const std::string now = overlay.text();
  CHECK(now == golden("gateway_flows_vip.txt", now));

  overlay.commit(vip(false));
  REQUIRE(overlay.plan.switch_groups(vip_group("shop")).size() == 1);
  CHECK(overlay.plan.switch_groups(vip_group("shop"))[0].find("0a:6e:0a:00:00:05") == std::string::npos);
  overlay.replica.take_changes();

  overlay.commit(WatchSource::port(101, "10.0.1.6", "n1", 0));  // it has moved
  groups = overlay.plan.affected_by(overlay.replica.take_changes());
  CHECK(groups.contains(vip_group("shop")));
  CHECK(overlay.plan.switch_groups(vip_group("shop"))[0].find("set_field:172.31.0.1->tun_dst") != std::string::npos);

  overlay.commit(WatchSource::tombstone(vip(true)));
  CHECK(overlay.plan.affected_by(overlay.replica.take_changes()) == FlowGroups{vip_group("shop")});
  CHECK(overlay.plan.lines(vip_group("shop")).empty());
}

TEST_CASE("a VIP of IPv6 goes to its back ends as one of IPv4") {
  Overlay overlay;
  ipam_api::Entry port = WatchSource::port(100, "10.0.0.7", "n2", 0);
  port.kind = "port6";
  port.key = "fd00::7/128";
  overlay.commit(std::move(port));
  overlay.commit(WatchSource::object("vip", "shop",
                                     {{"network", "default"},
                                      {"vni", 100},
                                      {"address", "fd00::80"},
                                      {"number", 3},
                                      {"ports", {"tcp:80:8080"}},
                                      {"backends", {{{"address", "fd00::7"}, {"vni", 100}, {"healthy", true}}}}}));
  const auto lines = overlay.plan.lines(vip_group("shop"));
  REQUIRE(lines.size() == 1);
  CHECK(ovs::parse_flow(lines.front())->key.str() == "table=30,priority=120,tcp6,ipv6_dst=fd00::80,tp_dst=80");
  const auto groups = overlay.plan.switch_groups(vip_group("shop"));
  REQUIRE(groups.size() == 1);
  CHECK(groups.front().find("fields(ipv6_src,tcp_src,udp_src)") != std::string::npos);
  CHECK(groups.front().find("set_field:172.31.0.2->tun_dst") != std::string::npos);
}
