// Ports as they are packed, and how they are found.
#include <catch2/catch.hpp>

#include "ipam-controller/domain/port_table.hpp"

using namespace mooring;
using namespace mooring::controller;

namespace {

net::IpAddress address(std::string_view text) {
  return net::IpAddress::parse(text).value();
}

net::Vni vni(std::uint32_t value) {
  return net::Vni::from(value).value();
}

Port port(int number, const std::string& hostname) {
  Port made;
  made.generation = made.revision = static_cast<Revision>(100 + number);
  made.id = port_id_of(made.generation);
  made.owner = {"default", "shop", hostname, 0};
  made.kind = Kind::stateful;
  made.subnet = "s1";
  made.pool = "p1";
  made.vni = vni(100);
  made.addresses.set(address("10.0.0." + std::to_string(number)));
  made.mac = mac_from(made.addresses);
  made.node = "h" + std::to_string(number % 2);
  made.attachment = {"c" + std::to_string(number), "eth0"};
  made.pod_uid = "u" + std::to_string(number);
  made.workload = "db";
  made.created_ms = 1'700'000'000'000 + number;
  made.state = PortState::active;
  return made;
}

}  // namespace

TEST_CASE("packed ports: what goes in comes out") {
  Port made = port(5, "db-0");
  SECTION("short texts") {}
  SECTION("as containerd and Kubernetes write them") {
    made.attachment.container_id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    made.pod_uid = "6f1c9d2e-0a1b-4000-8000-00000000000f";
  }
  SECTION("nearly so") {
    made.attachment.container_id = "0123456789ABCDEF";
    made.pod_uid = "6f1c9d2e-0a1b-4000-8000+00000000000f";
  }
  SECTION("an odd number of digits") {
    made.attachment.container_id = "012";
    made.pod_uid = "6f1c9d2e-0a1b-4000-8000-00000000000g";
  }
  SECTION("both families, and labels") {
    made.addresses.set(address("fd00::5"));
    made.labels = {{"app", "db"}, {"empty", ""}, {std::string("n\0l", 3), "ü\n"}};
  }
  SECTION("IPv6 alone") {
    made.addresses = net::AddressPair(address("fd00:0:0:1::5"));
    made.mac = mac_from(made.addresses);
  }
  SECTION("a workload and an id of their own") {
    made.workload = "other";
    made.id = "imported-7";
  }
  SECTION("nothing where nothing may be") {
    made.pod_uid = made.workload = made.pool = "";
    made.created_ms = 0;
  }
  PortTable table;
  CHECK_FALSE(table.put(made).has_value());
  CHECK(table.size() == 1);
  CHECK(table.find(made.key()) == made);
  CHECK(table.find_id(made.id) == made);
  CHECK(table.find_owner(made.owner) == made);
  CHECK(table.find_attachment(made.node, made.attachment) == made);
  for (const net::IpAddress one : made.addresses.all()) {
    CHECK(table.find({made.vni, one}) == made);
    CHECK(table.find({vni(101), one}) == nullptr);
  }
  CHECK(table.erase(made.key()) == made);
  CHECK(table.size() == 0);
  CHECK(table.names().size() == 0);
}

TEST_CASE("port table: what is not there is not found") {
  PortTable table;
  table.put(port(1, "db-0"));
  CHECK(table.find({vni(100), address("10.0.0.2")}) == nullptr);
  CHECK(table.find_id("p102") == nullptr);
  CHECK(table.find_id("p0101") == nullptr);
  CHECK(table.find_id("p") == nullptr);
  CHECK(table.find_id("") == nullptr);
  CHECK(table.find_owner({"default", "shop", "db-1", 0}) == nullptr);
  CHECK(table.find_owner({"default", "shop", "db-0", 1}) == nullptr);
  CHECK(table.find_owner({"default", "nobody", "db-0", 0}) == nullptr);
  CHECK(table.find_attachment("h0", {"c1", "eth0"}) == nullptr);
  CHECK(table.find_attachment("h1", {"c1", "eth1"}) == nullptr);
  CHECK(table.find_attachment("h1", {"63", "eth0"}) == nullptr);  // the hexadecimal digits of "c" are another id
  CHECK_FALSE(table.erase({vni(100), address("10.0.0.2")}).has_value());
  CHECK(table.of_node("h9").empty());
  CHECK(table.count(vni(7)) == 0);
}

TEST_CASE("port table: lists of a node and of a VNI follow what comes and goes") {
  PortTable table;
  for (int number = 1; number <= 9; ++number) {
    table.put(port(number, "web-" + std::to_string(number)));
  }
  CHECK(table.count(vni(100)) == 9);
  table.erase(port(1, "").key());
  table.erase(port(9, "").key());
  table.erase(port(4, "").key());
  Port moved = port(5, "web-5");
  moved.node = "h0";
  moved.generation = 900;
  moved.id = port_id_of(900);
  CHECK(table.put(moved) == port(5, "web-5"));
  std::vector<std::string> of_h0;
  for (const Port& found : table.of_node("h0")) {
    of_h0.push_back(found.addresses.str());
  }
  CHECK(of_h0 == std::vector<std::string>{"10.0.0.2", "10.0.0.5", "10.0.0.6", "10.0.0.8"});
  CHECK(table.of_node("h1").size() == 2);
  CHECK(table.count(vni(100)) == 6);
  CHECK(table.find_id("p105") == nullptr);
  CHECK(table.find_id("p900") == moved);
  std::size_t seen = 0;
  table.each([&](const PackedPort& found) { seen += table.unpack(found).vni == vni(100) ? 1U : 0U; });
  CHECK(seen == 6);
}

TEST_CASE("port table: of two with one owner or attachment the later one is found, and the other goes without harm") {
  PortTable table;
  const Port first = port(1, "db-0");
  Port second = port(3, "db-0");
  second.attachment = first.attachment;
  table.put(first);
  table.put(second);
  CHECK(table.find_owner(first.owner) == second);
  CHECK(table.find_attachment("h1", first.attachment) == second);
  table.erase(first.key());
  CHECK(table.find_owner(first.owner) == second);
  CHECK(table.find_attachment("h1", first.attachment) == second);
  CHECK(table.size() == 1);
}

TEST_CASE("held ports stay as they were") {
  auto table = std::make_unique<PortTable>();
  table->put(port(1, "db-0"));
  table->put(port(2, "db-1"));
  HeldPorts held = table->none_held();
  table->each(vni(100), [&](const PackedPort& one) { held.add(one); });
  Port changed = port(1, "db-0");
  changed.node = "h7";
  table->put(changed);
  table->erase(port(2, "").key());
  SECTION("while the table lives") {}
  SECTION("when it is gone") {
    table.reset();
  }
  REQUIRE(held.size() == 2);
  CHECK(held[0] == port(1, "db-0"));
  CHECK(held[1] == port(2, "db-1"));
}

TEST_CASE("name table: a text is kept while somebody uses it") {
  NameTable names;
  const auto one = names.take("h1");
  CHECK(names.take("h1") == one);
  const auto two = names.take("");
  CHECK(two != one);
  names.drop(one);
  CHECK(names.text(one) == "h1");
  CHECK(names.find("h1") == one);
  names.drop(one);
  CHECK_FALSE(names.find("h1").has_value());
  CHECK(names.take("h2") == one);  // its number is free again
  CHECK(names.text(one) == "h2");
  CHECK(names.size() == 2);
}
