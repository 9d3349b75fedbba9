#include <catch2/catch.hpp>

#include "agent_world.hpp"
#include "mooring/agent_api/messages.hpp"
#include "ovs-agent/domain/journal_text.hpp"
#include "ovs-agent/domain/reconcile.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;

namespace {

Inventory whole() {
  Inventory inventory;
  inventory.ovsdb_whole = true;
  inventory.directory_whole = true;
  inventory.boot_id = "boot-1";
  return inventory;
}
void add(Inventory& inventory, const std::string& container, bool link, const char* boot = "boot-1") {
  auto port = local_port(container.c_str(), 100, "10.0.0.5", 41, 7);
  port.record.boot_id = boot;
  port.interface = agent_api::host_interface_name(port.record.attachment);
  if (link) {
    inventory.links.insert(port.interface);
  }
  inventory.ovs_ports.push_back({port.record, port.interface, true});
}

}  // namespace

TEST_CASE("reconcile: what is in place stays") {
  auto inventory = whole();
  add(inventory, "c1", true);
  inventory.own_entries.push_back({key(100, "10.0.0.5"), 41, {"c1", "eth0"}});
  REQUIRE(reconcile(inventory).removals.empty());
}

TEST_CASE("reconcile: a port whose link is gone") {
  auto inventory = whole();
  add(inventory, "c1", false);
  SECTION("goes, port and address") {
    const auto decision = reconcile(inventory);
    REQUIRE(decision.removals.size() == 1);
    REQUIRE(decision.removals[0].reason == "gone");
    REQUIRE(decision.removals[0].interface == inventory.ovs_ports[0].interface);
    REQUIRE(decision.removals[0].generation == 41);
  }
  SECTION("stays while an ADD is in flight") {
    inventory.in_flight.insert({"c1", "eth0"});
    REQUIRE(reconcile(inventory).removals.empty());
  }
  SECTION("stays while OVSDB is not read") {
    inventory.ovsdb_whole = false;
    REQUIRE(reconcile(inventory).removals.empty());
  }
}

TEST_CASE("reconcile: an entry without port") {
  auto inventory = whole();
  inventory.own_entries.push_back({key(100, "10.0.0.5"), 41, {"c1", "eth0"}});
  SECTION("goes") {
    const auto decision = reconcile(inventory);
    REQUIRE(decision.removals.size() == 1);
    REQUIRE(decision.removals[0].interface.empty());
  }
  SECTION("stays while the directory is not whole") {
    inventory.directory_whole = false;
    REQUIRE(reconcile(inventory).removals.empty());
  }
  SECTION("stays while its link is there") {
    inventory.links.insert(agent_api::host_interface_name({"c1", "eth0"}));
    REQUIRE(reconcile(inventory).removals.empty());
  }
  SECTION("stays while its ADD is in flight") {
    inventory.in_flight.insert({"c1", "eth0"});
    REQUIRE(reconcile(inventory).removals.empty());
  }
}

TEST_CASE("reconcile: ports of an earlier boot go, however many") {
  auto inventory = whole();
  inventory.directory_whole = false;
  for (int i = 0; i < 50; ++i) {
    add(inventory, "c" + std::to_string(i), false, "boot-0");
  }
  REQUIRE(earlier_boot(inventory).removals.size() == 50);
  const auto decision = reconcile(inventory);
  REQUIRE(decision.removals.size() == 50);
  REQUIRE(decision.held.empty());
  REQUIRE(seen_twice({}, decision.removals).size() == 50);
}

TEST_CASE("reconcile: many at once without boot evidence are held") {
  auto inventory = whole();
  for (int i = 0; i < 40; ++i) {
    add(inventory, "c" + std::to_string(i), i >= 6);
  }
  REQUIRE(reconcile(inventory).held.size() == 6);  // 6 of 40
  REQUIRE(reconcile(inventory).removals.empty());
  inventory.ovs_ports[0].current = false;  // an admin has released it: nothing is lost with the row
  REQUIRE(reconcile(inventory).removals.size() == 6);
  REQUIRE(reconcile(inventory).held.empty());
  inventory.ovs_ports[0].current = true;
  inventory.links.insert(inventory.ovs_ports[0].interface);
  REQUIRE(reconcile(inventory).removals.size() == 5);  // five may always go
  for (int i = 40; i < 80; ++i) {
    add(inventory, "c" + std::to_string(i), i > 42);
  }
  REQUIRE(reconcile(inventory).removals.size() == 8);  // 8 of 80 is not above a tenth
}

TEST_CASE("reconcile: rows whose DEL was promised are leftovers, however many") {
  auto inventory = whole();
  for (int i = 0; i < 40; ++i) {
    add(inventory, "c" + std::to_string(i), i >= 20);
    inventory.ovs_ports.back().deleted = i < 30;
  }
  const auto decision = reconcile(inventory);
  REQUIRE(decision.held.empty());
  REQUIRE(decision.removals.size() == 20);  // a link that is there is evidence against it
}

TEST_CASE("reconcile: what is gone must be seen twice") {
  const Removal first{{"c1", "eth0"}, key(100, "10.0.0.5"), 41, "mo1", "gone"};
  auto newer = first;
  newer.generation = 42;
  REQUIRE(seen_twice({first}, {first}).size() == 1);
  REQUIRE(seen_twice({first}, {newer}).empty());
  REQUIRE(seen_twice({}, {first}).empty());
}

TEST_CASE("journal: adds up, and shrinks") {
  const AddBegun begun{{"c1", "eth0"}, 12, 345, "boot-1", "pods"};
  const ReleaseOwed owed{3, {"c2", "eth0"}, key(100, "10.0.0.5"), 41, "cni-del", {}};
  const ReleaseOwed by_attachment{4, {"c3", "eth0"}, std::nullopt, 0, "cni-del", {}};
  std::string text = write_record(begun) + write_record(owed) + write_record(by_attachment);
  auto state = read_journal(text);
  REQUIRE(state.bad_lines == 0);
  REQUIRE(state.in_flight.at({"c1", "eth0"}) == begun);
  REQUIRE(state.owed.at(3) == owed);
  REQUIRE(state.owed.at(4) == by_attachment);
  REQUIRE(state.last_id == 4);
  text += write_record(AddEnded{{"c1", "eth0"}}) + write_record(ReleaseDone{3});
  state = read_journal(text);
  REQUIRE(state.in_flight.empty());
  REQUIRE(state.owed.size() == 1);
  REQUIRE(read_journal(state.text()) == state);
  REQUIRE(state.text() == write_record(by_attachment));
}

TEST_CASE("journal: addresses of other main plugins are kept until they end") {
  DelegatedGiven given;
  given.attachment = {"c1", "eth0"};
  given.addresses = "10.0.0.5/24, fd00::5/64";
  given.pod = "shop/web-0";
  given.vni = key(100, "10.0.0.5").vni;
  given.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  given.generation = 41;
  given.netns = "/run/netns/x";
  given.cni_network = "lan";
  given.boot_id = "boot-1";
  given.pid = 12;
  given.started = 345;
  auto state = read_journal(write_record(given));
  REQUIRE(state.delegated.at({"c1", "eth0"}) == given);
  REQUIRE(read_journal(state.text()) == state);
  REQUIRE(split_addresses(given.addresses) == std::vector<std::string>{"10.0.0.5/24", "fd00::5/64"});
  REQUIRE(split_addresses("").empty());
  state.apply(DelegatedEnded{{"c1", "eth0"}});
  REQUIRE(state.text().empty());
}

TEST_CASE("journal: a crash at any byte of a record loses that record alone") {
  const std::string before = write_record(ReleaseOwed{1, {"c1", "eth0"}, std::nullopt, 0, "cni-del", {}});
  const std::string last = write_record(ReleaseOwed{2, {"c2", "eth0"}, std::nullopt, 0, "cni-del", {}});
  for (std::size_t cut = 0; cut < last.size(); ++cut) {
    const auto state = read_journal(before + last.substr(0, cut));
    REQUIRE(state.owed.size() == 1);
    REQUIRE(state.bad_lines == 0);
  }
  REQUIRE(read_journal(before + last).owed.size() == 2);
}

TEST_CASE("journal: a damaged line is counted and left out") {
  std::string damaged = write_record(ReleaseOwed{1, {"c1", "eth0"}, std::nullopt, 0, "cni-del", {}});
  damaged[20] ^= 1;
  const auto state =
      read_journal(damaged + "junk\n" + write_record(ReleaseOwed{2, {"c2", "eth0"}, std::nullopt, 0, "cni-del", {}}));
  REQUIRE(state.bad_lines == 2);
  REQUIRE(state.owed.size() == 1);
}
