#include <sstream>

#include <catch2/catch.hpp>

#include "ipam-controller/cli/output.hpp"
#include "support/catch_result.hpp"

using namespace mooring::ctl;

namespace {

std::string table_of(const TextTable& table) {
  std::ostringstream out;
  table.print(out);
  return out.str();
}

}  // namespace

TEST_CASE("columns are as wide as their widest cell, lines end without blanks") {
  TextTable table({"NAME", "VNI", "CIDR"});
  table.add({"a-long-name", "1", "10.0.0.0/24"});
  table.add({"b", "16777215", "-"});
  CHECK(table_of(table) ==
        "NAME          VNI        CIDR\n"
        "a-long-name   1          10.0.0.0/24\n"
        "b             16777215   -\n");
}

TEST_CASE("cells say what people read") {
  CHECK(cell_text(nullptr) == "-");
  CHECK(cell_text("") == "-");
  CHECK(cell_text(true) == "yes");
  CHECK(cell_text(65533) == "65533");
  CHECK(cell_text(Json::array()) == "-");
  CHECK(cell_text(Json::array({"a", "b"})) == "a,b");
  CHECK(cell_text(Json{{"destination", "10.0.0.0/8"}}) == "10.0.0.0/8");
  CHECK(cell_text(Json{{"destination", "10.0.0.0/8"}, {"via", "10.1.0.1"}}) == "10.0.0.0/8 via 10.1.0.1");
  CHECK(cell_text("\x1b[31mred\n") == "?[31mred?");
  CHECK(cell_text(Json{{"app", "shop"}, {"tiers", {"a", "b"}}}) == "app=shop tiers=a,b");
  CHECK(cell_text(Json::object()) == "-");
}

TEST_CASE("a field is found by its path, a missing one is nothing") {
  const Json subnet = {{"dns", {{"nameservers", {"10.0.0.1"}}}}, {"name", "s"}};
  CHECK(cell_of(subnet, "dns.nameservers") == "10.0.0.1");
  CHECK(cell_of(subnet, "dns.search") == "-");
  CHECK(cell_of(subnet, "name.deeper") == "-");
  CHECK(cell_of(Json("no object"), "name") == "-");
  const Json dual = {
      {"cidr", "10.0.0.0/8"}, {"cidr6", "fd00::/64"}, {"at_ms", 1800000000123U}, {"rest_seconds", 5400U}};
  CHECK(cell_of(dual, "cidr+cidr6") == "10.0.0.0/8,fd00::/64");
  CHECK(cell_of(dual, "none+cidr6") == "fd00::/64");
  CHECK(cell_of(dual, "cidr+none") == "10.0.0.0/8");
  CHECK(cell_of(dual, "at_ms") == "2027-01-15T08:00:00Z");
  CHECK(cell_of(dual, "rest_seconds") == "90m");
}

TEST_CASE("YAML quotes what a YAML reader could take for a number, a time or a truth") {
  CHECK(yaml_text("plain/text-1.x") == "plain/text-1.x\n");
  CHECK(yaml_text("10.0.0.5") == "\"10.0.0.5\"\n");
  CHECK(yaml_text("12:34:56:10:20:30") == "\"12:34:56:10:20:30\"\n");
  for (const char* taken : {"yes", "No", "true", "null", "", "- a", "a: b", "#c", "1e3", "~"}) {
    CHECK(yaml_text(taken) == "\"" + std::string(taken) + "\"\n");
  }
  CHECK(yaml_text(nullptr) == "null\n");
  CHECK(yaml_text(Json::array()) == "[]\n");
  CHECK(yaml_text(false) == "false\n");
}

TEST_CASE("YAML of nested lists and objects") {
  const Json document = {{"items",
                          {{{"name", "a"}, {"routes", {{{"destination", "10.0.0.0/8"}, {"via", "10.1.0.1"}}}}},
                           {{"name", "b"}, {"routes", Json::array()}, {"dns", Json::object()}}}},
                         {"revision", 7}};
  CHECK(yaml_text(document) ==
        "items:\n"
        "- name: a\n"
        "  routes:\n"
        "  - destination: \"10.0.0.0/8\"\n"
        "    via: \"10.1.0.1\"\n"
        "- dns: {}\n"
        "  name: b\n"
        "  routes: []\n"
        "revision: 7\n");
  CHECK(yaml_text(Json::array({Json::array({1, 2}), 3})) == "- - 1\n  - 2\n- 3\n");
}

TEST_CASE("formats are named strictly") {
  CHECK(parse_format("wide").value() == Format::wide);
  CHECK_FALSE(parse_format("JSON"));
  CHECK(parse_format("xml").error().info().exit_code == 2);
}
