// Inventories of nodes: nothing is lost on the way, what cannot be read is named, newer nodes are understood.
#include <catch2/catch.hpp>

#include "mooring/ipam_api/inventory.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::ipam_api;

namespace {

NodeInventory inventory() {
  InventoryPort port;
  port.attachment = {"c1", "eth0"};
  port.pod_uid = "u-1";
  port.network = "default";
  port.namespace_ = "shop";
  port.hostname = "db-0";
  port.vni = net::Vni::from(100).value();
  port.addresses.set(net::IpAddress::parse("10.0.0.5").value());
  port.addresses.set(net::IpAddress::parse("fd00::5").value());
  port.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  port.generation = 0xffffffffffffULL;
  port.ofport = 7;
  port.ovs_port = port.link = port.netns_alive = true;
  port.boot_id = "boot-1";
  InventoryPort owed;
  owed.attachment = {"c2", "eth0"};
  owed.journal = JournalMark::releasing;
  NodeInventory value;
  value.complete = true;
  value.boot_id = "boot-1";
  value.ovsdb_id = "uuid";
  value.highest_generation = 0xffffffffffffULL;
  value.in_flight = {{"c3", "net1"}};
  value.ports = {port, owed};
  value.stray_links = {"moabcdefghijkl"};
  return value;
}

}  // namespace

TEST_CASE("an inventory comes back as it was") {
  CHECK(inventory_from(to_json(inventory())).value() == inventory());
  Json newer = to_json(inventory());
  newer["surprise"] = 1;
  newer["ports"][0]["surprise"] = 1;
  CHECK(inventory_from(newer).value() == inventory());
}

TEST_CASE("an inventory that cannot be read is refused, field named") {
  const auto refused = [](const char* pointer, const Json& value, const std::string& named) {
    Json json = to_json(inventory());
    json[Json::json_pointer(pointer)] = value;
    const auto read = inventory_from(json);
    REQUIRE(read.has_error());
    CAPTURE(read.error().text());
    CHECK(read.error().message().find(named) != std::string::npos);
  };
  refused("/complete", "yes", "complete");
  refused("/boot_id", nullptr, "boot_id");
  refused("/highest_generation", -1, "highest_generation");
  refused("/in_flight", {"c1"}, "in_flight");
  refused("/ports", Json::object(), "ports");
  refused("/ports/0/attachment", "../x", "attachment");
  refused("/ports/0/vni", 1 << 25, "vni");
  refused("/ports/0/addresses", {"10.0.0.5", "10.0.0.6"}, "two of one family");
  refused("/ports/0/addresses", {"10.0.0.0/24"}, "addresses");
  refused("/ports/0/mac", "x", "mac");
  refused("/ports/0/journal", "lost", "'lost' is no state");
  refused("/stray_links", {1}, "stray_links");
}
