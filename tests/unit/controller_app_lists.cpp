// Lists: what they may be, whose addresses are on them, and that a list that is followed is always what looking through
// everything would find.
#include <algorithm>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/api/feed_text.hpp"
#include "ipam-controller/app/list_contents.hpp"
#include "mooring/net/cover.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using Catch::Contains;
using ipam_api::Json;

namespace {

AddressList list_named(const std::string& name, std::vector<std::string> hostnames,
                       std::vector<std::string> namespaces = {}) {
  AddressList list;
  list.name = name;
  list.selector.hostnames = std::move(hostnames);
  list.selector.namespaces = std::move(namespaces);
  return list;
}

using Addresses = std::set<std::string>;

// By looking at each address that anybody has.
Addresses found_in(const State& state, const AddressList& list) {
  std::set<PortAddress> all;
  state.ports().each([&](const PackedPort& port) {
    for (const net::IpAddress address : port.addresses().all()) {
      all.insert({port.vni(), address});
    }
  });
  for (const auto& [owner, binding] : state.bindings()) {
    for (const net::IpAddress address : binding.addresses.all()) {
      all.insert({state.subnet(binding.subnet)->vni, address});
    }
  }
  for (const auto& [key, extra] : state.extra_addresses()) {
    all.insert(key);
  }
  Addresses found;
  for (const PortAddress address : all) {
    if (listed_pod(list, state, address)) {
      found.insert(address.address.str());
    }
  }
  return found;
}

Addresses members_of(ListContent& content) {
  Addresses found;
  for (const PortAddress& member : content.members()) {
    found.insert(member.address.str());
  }
  return found;
}

// Follows all lists of an engine, and looks at them a little at a time.
struct Follower {
  explicit Follower(Engine& of) : engine(of) {
    engine.ipam.follow_rows([this](const std::vector<Write>& before, const State& state) {
      for (const std::string& name : contents.committed(before, state)) {
        told.insert(name);
      }
    });
  }
  std::shared_ptr<ListContent> follow(const std::string& name) {
    return engine.read([&](const State& state) { return contents.follow(*state.list(name)); });
  }
  void look(std::size_t slice = 1000) {
    while (engine.read([&](const State& state) { return contents.look(state, slice, ready); })) {
    }
  }
  Addresses now(const std::string& name) { return members_of(*contents.followed(name)); }

  Engine& engine;
  ListContents contents;
  std::vector<std::string> ready;
  std::set<std::string> told;
};

}  // namespace

TEST_CASE("a list is checked before it is there", "[lists]") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  const auto refused = [&](const AddressList& list, Errc code, const std::string& says) {
    const auto made = engine.create(list);
    REQUIRE(made.has_error());
    CHECK(made.error().code() == code);
    CHECK_THAT(made.error().text(), Contains(says));
  };
  AddressList list = list_named("shop", {"web-*"});
  refused(list_named("Shop", {"web-*"}), Errc::invalid_argument, "Shop");
  refused(list_named("shop", {}), Errc::invalid_argument, "it selects nothing");
  list.network = "nowhere";
  refused(list, Errc::not_found, "there is no network nowhere");
  list.network = default_network;
  list.selector.nodes = {"h1"};
  refused(list, Errc::invalid_argument, "selector.nodes: 'h1'");
  list.selector.nodes.clear();
  list.addresses = {range("192.0.2.8-192.0.2.9"), range("192.0.2.0/29"), range("192.0.2.4")};
  CHECK(engine.create(list).value().addresses == std::vector{range("192.0.2.0-192.0.2.9")});
  refused(list, Errc::already_exists, "list shop exists");
  CHECK_FALSE(engine.put(list).value().changed);
  engine.delete_pool("web").value();
  engine.delete_subnet("web").value();
  const auto in_use = engine.delete_network(default_network);
  REQUIRE(in_use.has_error());
  CHECK_THAT(in_use.error().text(), Contains("in use by list shop"));
  engine.remove<AddressList>("shop").value();
  engine.delete_network(default_network).value();
}

TEST_CASE("a list has live pods, those that are away with their address, and what they hold", "[lists]") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  AddressList list = list_named("db", {"db-*"}, {"sh?p"});
  engine.create(list).value();
  AddressList labelled;
  labelled.name = "tier";
  labelled.selector.labels = {{"tier", "gold"}};
  engine.create(labelled).value();
  Follower follower(engine);
  engine.bind("db-7", "10.0.0.17").value();
  const auto content = follower.follow("db");
  CHECK_FALSE(content->ready());
  follower.look();
  REQUIRE(content->ready());
  CHECK(follower.now("db") == Addresses{"10.0.0.17"});

  // A stateful pod comes, goes away and is still on it; a stateless one and a stranger are not, or no longer.
  const std::uint64_t turns = content->turns();
  const auto db0 = engine.allocate(Ask("h1", "c1", "db-0").kind(Kind::stateful)).value();
  CHECK(content->turns() == turns + 1);
  engine.confirm("h1", "c1", db0.generation).value();
  CHECK(content->turns() == turns + 1);
  engine.allocate(Ask("h1", "c2", "db-1")).value();
  engine.allocate(Ask("h1", "c3", "web-0")).value();
  engine.allocate(Ask("h1", "c4", "db-2").in("other")).value();
  CHECK(follower.now("db") == Addresses{"10.0.0.17", "10.0.0.18", "10.0.0.19"});
  CHECK(follower.told == std::set<std::string>{"db"});
  CHECK(engine.del("h1", "c1"));
  CHECK(engine.del("h1", "c2"));
  CHECK(follower.now("db") == Addresses{"10.0.0.17", "10.0.0.18"});

  // A VIP belongs to its holder.
  engine.allocate(Ask("h2", "c5", "db-0")).value();
  ExtraAddress vip;
  vip.network = default_network;
  vip.address = any("10.0.0.200");
  vip.namespace_ = "shop";
  vip.hostnames = {"*"};
  engine.create(vip).value();
  const auto move = [&](std::optional<BindingKey> to) {
    engine
        .wait<ExtraAddress>([&](auto done) {
          engine.ipam.move_extra_address(tester(), {default_network, any("10.0.0.200"), to}, done);
        })
        .value();
  };
  move(owner("db-0"));
  CHECK(follower.now("db").contains("10.0.0.200"));
  move(owner("web-0"));
  CHECK_FALSE(follower.now("db").contains("10.0.0.200"));

  // Labels of a binding count while its pod is away; changed ones bring it in.
  follower.follow("tier");
  follower.look();
  CHECK(follower.now("tier").empty());
  BindingChange change;
  change.labels = Labels{{"tier", "gold"}};
  engine.wait<Binding>([&](auto done) { engine.ipam.change_binding(tester(), owner("db-7"), change, done); }).value();
  CHECK(follower.now("tier") == Addresses{"10.0.0.17"});

  // Other addresses of its own: the same pods. Another selection: all are looked for again. Deleted: gone.
  list.addresses = {range("192.0.2.0/24")};
  engine.put(list).value();
  CHECK(follower.contents.followed("db") == content);
  CHECK(net::cover_of(content->ranges()).back().str() == "192.0.2.0/24");
  list.selector.hostnames = {"web-*"};
  engine.put(list).value();
  CHECK(content->gone());
  follower.look();
  CHECK(follower.now("db") == Addresses{"10.0.0.10", "10.0.0.200"});
  engine.remove<AddressList>("db").value();
  CHECK(follower.contents.followed("db") == nullptr);
}

TEST_CASE("a list that is followed is what looking through everything finds", "[lists]") {
  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  Subnet dual;
  dual.name = "dual";
  dual.vni = vni(101);
  dual.blocks = {{net::IpCidr::parse("10.0.1.0/24").value(), {}}, {net::IpCidr::parse("fd00::/64").value(), {}}};
  engine.create(dual).value();
  engine.pool("dual", "dual", {"10.0.1.10-10.0.1.60", "fd00::10-fd00::60"}).value();
  const std::vector<AddressList> lists{list_named("all", {"*"}), list_named("some", {"a-*", "?-1"}),
                                       list_named("one", {}, {"n1"}), list_named("none", {"x"})};
  for (const AddressList& list : lists) {
    engine.create(list).value();
  }
  Follower follower(engine);
  std::mt19937 random(7);
  const auto pick = [&](unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random); };
  for (int step = 0; step < 600; ++step) {
    const std::string host = std::string(1, static_cast<char>('a' + pick(3))) + "-" + std::to_string(pick(4));
    const std::string space = "n" + std::to_string(pick(3));
    switch (pick(5)) {
      case 0:
      case 1:
        static_cast<void>(engine.allocate(Ask("h1", "c" + std::to_string(pick(20)), host)
                                              .in(space)
                                              .pool(pick(2) == 0 ? "web" : "dual")
                                              .kind(pick(2) == 0 ? Kind::stateless : Kind::stateful)));
        break;
      case 2:
        engine.del("h1", "c" + std::to_string(pick(20)));
        break;
      case 3:
        static_cast<void>(engine.unbind(owner(host, space), pick(2) == 0));
        break;
      default: {
        NewBinding wanted;
        wanted.owner = owner(host, space);
        wanted.pool = pick(2) == 0 ? "web" : "dual";
        static_cast<void>(engine.bind(wanted));
      }
    }
    if (step % 50 == 10) {  // one of them is looked for anew, in very small parts, while things go on
      const std::string name = lists[pick(4)].name;
      follower.contents.forget(name);
      follower.follow(name);
    }
    engine.read([&](const State& state) { return follower.contents.look(state, 1 + pick(5), follower.ready); });
    for (const AddressList& list : lists) {
      const auto content = follower.contents.followed(list.name);
      if (content != nullptr && content->ready()) {
        INFO("step " << step << " list " << list.name);
        REQUIRE(members_of(*content) == engine.read([&](const State& state) { return found_in(state, list); }));
      }
    }
  }
  CHECK(follower.ready.size() > 5);
}

TEST_CASE("a feed is text that its readers take; its version is that of its addresses", "[lists]") {
  const AddressList list = list_named("3com", {"*"});
  const std::vector<net::IpCidr> cover =
      net::cover_of({range("10.0.0.4"), range("10.0.0.6-10.0.0.7"), range("fd00::1")});
  const std::string version = feed_version(list, cover);
  CHECK(version.size() == 16);
  CHECK(version != feed_version(list, {}));
  CHECK(version != feed_version(list_named("other", {"*"}), cover));
  const auto text = [&](std::string_view format, std::string_view table = "") {
    return feed_text(parse_feed_form(format, table).value(), list, "v", cover);
  };
  CHECK(text("plain") == "10.0.0.4/32\n10.0.0.6/31\nfd00::1/128\n");
  CHECK(text("haproxy") ==
        "# list 3com of network default, version v\n10.0.0.4/32 3com\n10.0.0.6/31 3com\nfd00::1/128 3com\n");
  CHECK(text("nftables", "filter") == R"(# list 3com of network default, version v
add table inet filter
add set inet filter list-3com-v4 { type ipv4_addr; flags interval; }
flush set inet filter list-3com-v4
add element inet filter list-3com-v4 {
  10.0.0.4/32, 10.0.0.6/31
}
add set inet filter list-3com-v6 { type ipv6_addr; flags interval; }
flush set inet filter list-3com-v6
add element inet filter list-3com-v6 {
  fd00::1/128
}
)");
  const auto json = Json::parse(feed_json(list, "v", cover, {{any("10.0.0.4"), owner("web-0"), true}}, 2));
  CHECK(json["cidrs"] == Json{"10.0.0.4/32", "10.0.0.6/31", "fd00::1/128"});
  CHECK(json["members"][0] == Json{{"address", "10.0.0.4"},
                                   {"namespace", "shop"},
                                   {"hostname", "web-0"},
                                   {"interface_ordinal", 0},
                                   {"live", true}});
  CHECK(json["members_left_out"] == 2);
  CHECK_FALSE(Json::parse(feed_json(list, "v", {}, {}, 0)).contains("members_left_out"));
  for (const auto& [format, table, says] :
       {std::tuple("xml", "", "'xml'"), std::tuple("plain", "t", "the format has none"),
        std::tuple("nftables", "9x", "'9x'"), std::tuple("nftables", "a b", "'a b'")}) {
    const auto bad = parse_feed_form(format, table);
    REQUIRE(bad.has_error());
    CHECK_THAT(bad.error().text(), Contains(says));
  }
}
