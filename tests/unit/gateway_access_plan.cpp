// What access rules become on a gateway's bridge.
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "mooring/ovs/flow.hpp"
#include "mooring/ovs/library.hpp"
#include "overlay-gateway/domain/access_plan.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

using namespace mooring;
using namespace mooring::gateway;
using ipam_api::AccessAction;
using ipam_api::AccessProtocol;
using ipam_api::Json;
using ipam_api::PortRange;

namespace {

struct Replica {
  directory::Directory directory{""};
  ipam_api::Revision revision = 0;

  Replica() {
    directory.begin_snapshot("inc-1", false);
    directory.end_of_snapshots(0, {});
    put("subnet", "pods",
        {{"network", "default"}, {"vni", 100}, {"cidr", "10.0.0.0/24"}, {"gateway", "10.0.0.1"}, {"mtu_bytes", 1450}});
  }
  void put(const std::string& kind, const std::string& key, const Json& value, bool deleted = false) {
    ipam_api::Entry entry;
    entry.kind = kind;
    entry.key = key;
    entry.revision = ++revision;
    entry.value = value;
    entry.deleted = deleted;
    directory.apply(entry);
    directory.advance(revision);
  }
  void rule(const std::string& name, Json value) {
    value["network"] = value.value("network", std::string("default"));
    put("access-rule", name, value);
  }
  // As the switch would have them: sorted, each accepted by libopenvswitch, no two of one key.
  std::vector<std::string> flows(const std::string& name) const {
    ovs::initialise("mooring-tests");
    std::vector<std::string> texts;
    std::set<ovs::FlowKey> keys;
    for (const std::string& line : access_rule_lines(directory, directory.access_rules().at(name))) {
      const ovs::Flow flow = ovs::parse_flow(line).value();
      CHECK(keys.insert(flow.key).second);
      texts.push_back(flow.key.str() + " " + flow.actions);
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }
};

Json from_physical(int order, const char* action, Json more) {
  more["order"] = order;
  more["action"] = action;
  more["direction"] = "from-physical";
  return more;
}

bool covers(const std::vector<std::string>& masks, std::uint32_t port) {
  return std::any_of(masks.begin(), masks.end(), [port](const std::string& text) {
    const auto slash = text.find('/');
    const std::uint32_t value = static_cast<std::uint32_t>(std::stoul(text.substr(0, slash), nullptr, 16));
    const std::uint32_t mask = static_cast<std::uint32_t>(std::stoul(text.substr(slash + 1), nullptr, 16));
    return (port & mask) == value;
  });
}

}  // namespace

TEST_CASE("access plan: a rule without sides is one flow a family, and orders are priorities") {
  Replica replica;
  replica.rule("all", from_physical(30000, "deny", Json::object()));
  CHECK(replica.flows("all") ==
        std::vector<std::string>{"table=32,priority=1000,ip drop", "table=32,priority=1000,ipv6 drop"});
  replica.rule("first", from_physical(1, "allow", {{"protocol", "tcp"}, {"subnet", "pods"}, {"ports", {"443"}}}));
  CHECK(replica.flows("first") ==
        std::vector<std::string>{"table=32,priority=30999,tcp,nw_dst=10.0.0.0/24,tp_dst=443 resubmit(,30)"});
}

TEST_CASE("access plan: two sides are a conjunction, and one more block is one more flow") {
  Replica replica;
  const Json sides = {{"physical", {"192.0.2.0/24", "198.51.100.7/32"}}, {"list", "web"}};
  replica.rule("web", from_physical(10, "allow", sides));
  CHECK(replica.flows("web").empty());  // nobody is on the list: it fits nothing, and not everything
  for (const char* block : {"10.0.0.4/31", "10.0.0.8/32"}) {
    replica.put("listed", std::string("web/") + block, {{"list", "web"}, {"block", block}});
  }
  const auto flows = replica.flows("web");
  CHECK(flows == std::vector<std::string>{
                     "table=32,priority=30990,conj_id=20,ip resubmit(,30)",
                     "table=32,priority=30990,ip,nw_dst=10.0.0.4/31 conjunction(20,2/2)",
                     "table=32,priority=30990,ip,nw_dst=10.0.0.8 conjunction(20,2/2)",
                     "table=32,priority=30990,ip,nw_src=192.0.2.0/24 conjunction(20,1/2)",
                     "table=32,priority=30990,ip,nw_src=198.51.100.7 conjunction(20,1/2)",
                 });
  replica.put("listed", "web/10.0.0.16/32", {{"list", "web"}, {"block", "10.0.0.16/32"}});
  auto more = replica.flows("web");
  std::erase(more, "table=32,priority=30990,ip,nw_dst=10.0.0.16 conjunction(20,2/2)");
  CHECK(more == flows);
  replica.put("listed", "web/10.0.0.16/32", nullptr, true);
  CHECK(replica.flows("web") == flows);
}

TEST_CASE("access plan: a fragment counts as a port that is denied, never as one that is allowed") {
  Replica replica;
  replica.rule("deny", from_physical(20, "deny", {{"protocol", "udp"}, {"ports", {"53"}}, {"source_ports", {"9"}}}));
  CHECK(replica.flows("deny").size() == 2 * 4);  // a family: both ports, one for fragments of either, and the verdict
  const auto& rules = replica.directory.access_rules();
  const auto lines = access_rule_lines(replica.directory, rules.at("deny"));
  CHECK(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("ip_frag=yes") != line.npos && line.find("1/2),conjunction") != line.npos;
  }));
  replica.rule("allow", from_physical(21, "allow", {{"protocol", "udp"}, {"ports", {"53"}}}));
  for (const std::string& line : access_rule_lines(replica.directory, rules.at("allow"))) {
    CHECK(line.find("ip_frag") == line.npos);
  }
}

TEST_CASE("access plan: masks are exactly the ports of a range") {
  for (const PortRange range : {PortRange{1, 65535}, PortRange{80, 80}, PortRange{1000, 1999}, PortRange{65535, 65535},
                                PortRange{32768, 65535}, PortRange{3, 32769}}) {
    const auto masks = port_masks(range);
    INFO(range.str());
    CHECK(masks.size() <= 30);
    std::uint32_t wrong = 0;
    for (std::uint32_t port = 0; port <= 65535; ++port) {
      wrong += covers(masks, port) != (port >= range.first && port <= range.last) ? 1U : 0U;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("access plan: what goes on is not judged, and without rules nothing is") {
  Replica replica;
  CHECK(access_gate_lines(replica.directory, "default").empty());
  replica.rule("other", from_physical(5, "deny", {{"network", "blue"}}));
  CHECK(access_gate_lines(replica.directory, "default").empty());
  replica.rule("mine", from_physical(5, "deny", Json::object()));
  const auto lines = access_gate_lines(replica.directory, "default");
  REQUIRE(!lines.empty());
  for (const std::string& line : lines) {
    const ovs::Flow flow = ovs::parse_flow(line).value();
    CHECK(flow.key.table == table::from_physical_opens);  // nothing for the other way, which has no rules
    CHECK(is_access_flow(flow.key));
  }
  CHECK(access_id_of(cookie_of(FlowOwner::access, access_id_of(replica.directory.access_rules().at("mine").terms))) ==
        access_id_of(replica.directory.access_rules().at("mine").terms));
  CHECK(access_rule_with(replica.directory, "default", 10)->name == "mine");
  CHECK_FALSE(access_id_of(cookie_of(FlowOwner::access)));
}
