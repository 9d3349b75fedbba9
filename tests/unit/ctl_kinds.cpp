#include <catch2/catch.hpp>

#include "ipam-controller/cli/kinds.hpp"
#include "support/catch_result.hpp"

using namespace mooring::ctl;
using mooring::Result;
using mooring::ipam_api::Json;

namespace {

const Kind& kind_of(std::string_view word) {
  return *find_kind(word).value();
}

Result<std::string> path(std::string_view word, std::string_view text, const ObjectName& defaults = {}) {
  const auto name = parse_object_name(kind_of(word), text, defaults);
  if (!name) {
    return name.error();
  }
  return path_of(kind_of(word), *name);
}

}  // namespace

TEST_CASE("kinds are found by singular, plural and abbreviation") {
  for (const Kind& kind : all_kinds()) {
    CHECK(find_kind(kind.singular).value() == &kind);
    CHECK(find_kind(kind.collection).value() == &kind);
    CHECK(find_kind(kind.abbreviation).value() == &kind);
  }
  const auto none = find_kind("nothing");
  REQUIRE_FALSE(none);
  CHECK(none.error().info().exit_code == 2);
  CHECK(none.error().hint().find("networks, subnets, pools, reservations, rules, bindings, ports") !=
        std::string::npos);
}

TEST_CASE("names become paths") {
  CHECK(path("network", "default").value() == "/v1/networks/default");
  CHECK(path("pool", "a b").value() == "/v1/pools/a%20b");
  CHECK(path("binding", "prod/db-0").value() == "/v1/bindings/default/prod/db-0/0");
  CHECK(path("binding", "blue/prod/db-0/1").value() == "/v1/bindings/blue/prod/db-0/1");
  CHECK(path("port", "p7").value() == "/v1/ports/p7");
  CHECK(path("extra-address", "10.0.0.9").value() == "/v1/extra-addresses/default/10.0.0.9");
  CHECK(path("ea", "blue/fd00::9").value() == "/v1/extra-addresses/blue/fd00__9");
  ObjectName defaults;
  defaults.namespace_ = "prod";
  defaults.network = "blue";
  CHECK(path("binding", "db-0", defaults).value() == "/v1/bindings/blue/prod/db-0/0");
  CHECK(path("binding", "test/db-0", defaults).value() == "/v1/bindings/blue/test/db-0/0");
}

TEST_CASE("an object's name is what is typed to find it") {
  const Json pod = {{"network", "default"}, {"namespace", "prod"}, {"hostname", "db-0"}, {"interface_ordinal", 0}};
  CHECK(name_of(kind_of("binding"), pod) == "prod/db-0");
  Json second = pod;
  second["interface_ordinal"] = 1;
  CHECK(name_of(kind_of("binding"), second) == "default/prod/db-0/1");
  CHECK(name_of(kind_of("port"), {{"id", "p7"}}) == "p7");
  CHECK(name_of(kind_of("ea"), {{"network", "blue"}, {"address", "fd00::9"}}) == "blue/fd00::9");
  CHECK(name_of(kind_of("pool"), {{"name", "pods"}}) == "pods");
}

TEST_CASE("a port is named by its id, or by its pod") {
  const Kind& port = kind_of("port");
  CHECK(parse_object_name(port, "p7", {})->name == "p7");
  CHECK(parse_object_name(port, "prod/web-0", {})->hostname == "web-0");
  ObjectName in_prod;
  in_prod.namespace_ = "prod";
  CHECK(parse_object_name(port, "web-0", in_prod)->hostname == "web-0");
}

TEST_CASE("names of a wrong shape are refused as usage") {
  for (const auto& [kind, text] :
       {std::pair("binding", "db-0"), std::pair("binding", "a/b/c"), std::pair("binding", "prod/"),
        std::pair("binding", "/db-0"), std::pair("network", "a/b"), std::pair("pool", ""),
        std::pair("port", "a/b/c/d/e"), std::pair("extra-address", "a/b/c")}) {
    INFO(kind << " " << text);
    const auto refused = path(kind, text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().info().exit_code == 2);
  }
}
