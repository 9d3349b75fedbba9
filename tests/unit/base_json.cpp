// JSON from outside: strict reading, each refusal names the field; messages survive the way there and back.
#include <catch2/catch.hpp>

#include "mooring/ipam_api/allocation_text.hpp"
#include "mooring/ipam_api/json_text.hpp"
#include "mooring/ipam_api/messages.hpp"

using namespace mooring;
using namespace mooring::ipam_api;
using Catch::Contains;

namespace {

Json json(std::string_view text) {
  return parse_json("test", text).value();
}

const char* allocate_text = R"({"node":"h1","attachment":{"container_id":"c1","ifname":"eth0"},"pod_uid":"u-1",
  "namespace":"shop","hostname":"DB-0","interface_ordinal":1,
  "wishes":{"pools":["p1","p2"],"address":"10.0.0.5","mac":"0a:58:0a:00:00:05","kind":"static"}})";

// `text` with the field at `path` (a JSON pointer) replaced; no value removes it.
Json changed(const char* text, const char* path, std::optional<Json> value) {
  Json object = json(text);
  const Json::json_pointer pointer(path);
  if (value) {
    object[pointer] = *value;
  } else {
    object.at(pointer.parent_pointer()).erase(pointer.back());
  }
  return object;
}

}  // namespace

TEST_CASE("text that is no JSON is an error, never an exception") {
  for (const std::string text :
       {"", "{", "{]", "nul", "\"\xff\"", "1e999", "{\"a\":1}x", "\xef\xbb\xbf", "{\"a\":01}"}) {
    INFO(text);
    const auto result = parse_json("body", text);
    REQUIRE(result.has_error());
    CHECK(result.error().code() == Errc::invalid_argument);
    CHECK_THAT(result.error().message(), Contains("body is not JSON"));
  }
}

TEST_CASE("JSON nested too deep is refused before it is parsed") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json("body", nested(max_json_depth)).has_value());
  const auto refused = parse_json("body", nested(max_json_depth + 1));
  REQUIRE(refused.has_error());
  CHECK_THAT(refused.error().message(), Contains("nested deeper than 64"));
  CHECK(parse_json("body", std::string(1000000, '[')).has_error());
  // Brackets in strings do not count.
  CHECK(parse_json("body", "\"" + std::string(100, '[') + "\"").has_value());
  CHECK(parse_json("body", R"(["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["])")
            .has_value());
}

TEST_CASE("fields: types, absence and unknown names") {
  const Json object = json(R"({"s":"x","n":5,"b":true,"l":["a"],"o":{},"empty":"","null":null,"minus":-1,"real":1.5})");
  {
    Fields fields(object, "thing", Fields::Unknown::ignore);
    CHECK(fields.string("s") == "x");
    CHECK(fields.string("absent", "y") == "y");
    CHECK(fields.string("empty", "y") == "y");
    CHECK(fields.string("null", "y") == "y");
    CHECK(fields.number("n") == 5);
    CHECK(fields.number("absent", 7) == 7);
    CHECK(fields.boolean("b", false));
    CHECK(fields.strings("l") == std::vector<std::string>{"a"});
    CHECK(fields.strings("absent").empty());
    CHECK(fields.object("o") != nullptr);
    CHECK(fields.array("absent") == nullptr);
    CHECK_FALSE(fields.has("null"));
    CHECK_FALSE(fields.finish());
  }
  struct Case {
    void (*read)(Fields&);
    const char* says;
  };
  for (const Case& c : {Case{[](Fields& f) { f.string("absent"); }, "thing.absent: is missing"},
                        Case{[](Fields& f) { f.string("empty"); }, "thing.empty: is missing"},
                        Case{[](Fields& f) { f.number("absent"); }, "thing.absent: is missing"},
                        Case{[](Fields& f) { f.string("n", ""); }, "thing.n: is 5, expected a string"},
                        Case{[](Fields& f) { f.number("s"); }, "thing.s: is \"x\", expected a whole number"},
                        Case{[](Fields& f) { f.number("minus"); }, "thing.minus: is -1, expected a whole number"},
                        Case{[](Fields& f) { f.number("real"); }, "thing.real: is 1.5, expected a whole number"},
                        Case{[](Fields& f) { f.boolean("s", false); }, "thing.s: is \"x\", expected true or false"},
                        Case{[](Fields& f) { f.strings("s"); }, "thing.s: is \"x\", expected a list"},
                        Case{[](Fields& f) { f.object("l"); }, "thing.l: is [\"a\"], expected an object"}}) {
    Fields fields(object, "thing", Fields::Unknown::ignore);
    c.read(fields);
    const auto bad = fields.finish();
    REQUIRE(bad);
    CHECK_THAT(bad->message(), Contains(c.says));
  }
  {
    const Json mixed = json(R"({"l":["a",1]})");
    Fields fields(mixed, "thing");
    fields.strings("l");
    CHECK_THAT(fields.finish()->message(), Contains("thing.l") && Contains("list of strings"));
  }
  {
    const Json one = json(R"({"name":"x","nmae":"y"})");
    Fields fields(one, "thing");
    fields.string("name");
    const auto bad = fields.finish();
    REQUIRE(bad);
    CHECK(bad->message() == "thing.nmae is not a field");
    CHECK(bad->hint() == "known fields: name");
  }
  {
    const Json list = json("[1]");
    Fields fields(list, "thing");
    CHECK(fields.string("name", "z") == "z");
    CHECK_THAT(fields.finish()->message(), Contains("thing is [1], not a JSON object"));
  }
}

TEST_CASE("an allocate request is read and written alike") {
  const auto request = allocate_request_from(json(allocate_text));
  REQUIRE(request.has_value());
  CHECK(request->node == "h1");
  CHECK(request->attachment.str() == "c1/eth0");
  CHECK(request->hostname == "db-0");
  CHECK(request->interface_ordinal == 1);
  CHECK(request->wishes.kind == Kind::fixed_by_admin);
  CHECK(to_json(*allocate_request_from(to_json(*request))) == to_json(*request));
}

TEST_CASE("an allocate request that is wrong names the field") {
  struct Case {
    const char* path;
    std::optional<Json> value;
    const char* says;
  };
  for (const Case& c : {Case{"/node", std::nullopt, "allocate.node: is missing"},
                        Case{"/node", "H1", "allocate.node: node 'H1' is not a name"},
                        Case{"/node", 7, "allocate.node: is 7, expected a string"},
                        Case{"/attachment", std::nullopt, "allocate.attachment: is missing"},
                        Case{"/attachment", "c1/eth0", "allocate.attachment: is \"c1/eth0\", expected an object"},
                        Case{"/attachment/ifname", "a/b", "allocate.attachment: ifname 'a/b'"},
                        Case{"/attachment/extra", 1, "attachment.extra is not a field"},
                        Case{"/namespace", std::nullopt, "allocate.namespace: is missing"},
                        Case{"/namespace", "a.b", "allocate.namespace: namespace 'a.b'"},
                        Case{"/hostname", "a_b", "allocate.hostname: hostname 'a_b'"},
                        Case{"/pod_uid", std::string(254, 'u'), "allocate.pod_uid: is 254 bytes long"},
                        Case{"/interface_ordinal", -1, "allocate.interface_ordinal: is -1"},
                        Case{"/interface_ordinal", 4294967296, "allocate.interface_ordinal: is 4294967296"},
                        Case{"/wishes/address", "10.0.0.05", "wishes.address: '10.0.0.05' is not an IP address"},
                        Case{"/wishes/mac", "01:00:5e:00:00:01", "wishes.mac"},
                        Case{"/wishes/kind", "fixed", "wishes.kind: 'fixed' is not a kind"},
                        Case{"/wishes/pools", Json::array({"No"}), "wishes.pools: pool 'No' is not a name"},
                        Case{"/wishes/retention", "TTL", "wishes.retention: 'TTL' is not a retention"},
                        Case{"/wishes/address6", "10.0.0.5", "wishes.address6: '10.0.0.5' is an IPv4 address"},
                        Case{"/wishes/labels", Json::array(), "wishes.labels"},
                        Case{"/wishes/pol", "p", "wishes.pol is not a field"},
                        Case{"/extra", 1, "allocate.extra is not a field"}}) {
    INFO(c.path << " " << c.says);
    const auto request = allocate_request_from(changed(allocate_text, c.path, c.value));
    REQUIRE(request.has_error());
    CHECK(request.error().code() == Errc::invalid_argument);
    CHECK_THAT(request.error().text(), Contains(c.says));
  }
}

TEST_CASE("release, confirm and registration requests") {
  const auto by_attachment =
      release_request_from(json(R"({"node":"h1","attachment":{"container_id":"c","ifname":"e"},"reason":"cni-del"})"));
  REQUIRE(by_attachment.has_value());
  CHECK(by_attachment->generation == 0);
  const auto by_address =
      release_request_from(json(R"({"node":"h1","vni":100,"address":"10.0.0.5","generation":7,"reason":"gone"})"));
  REQUIRE(by_address.has_value());
  CHECK(by_address->vni->value() == 100);
  CHECK(to_json(*release_request_from(to_json(*by_address))) == to_json(*by_address));
  CHECK(release_request_from(json(R"({"node":"h1","reason":"gone"})")).has_error());
  CHECK(release_request_from(json(R"({"node":"h1","vni":0,"address":"10.0.0.5","reason":"gone"})")).has_error());
  CHECK(release_request_from(json(R"({"node":"h1","attachment":{"container_id":"c","ifname":"e"}})")).has_error());

  CHECK(confirm_request_from(json(R"({"node":"h1","attachment":{"container_id":"c","ifname":"e"},"generation":3})"))
            ->generation == 3);
  CHECK(confirm_request_from(json(R"({"node":"h1","attachment":{"container_id":"c","ifname":"e"}})")).has_error());

  const auto node = registration_from(json(R"({"machine_id":"m","vtep":"172.31.0.1","version":"0.1.0"})"));
  REQUIRE(node.has_value());
  CHECK(node->network.empty());
  CHECK(to_json(*registration_from(to_json(*node))) == to_json(*node));
  for (const char* bad : {R"({"vtep":"172.31.0.1"})", R"({"machine_id":"m","vtep":"x"})", R"({"machine_id":"m"})",
                          R"({"machine_id":"m","vtep":"172.31.0.1","network":"A"})",
                          R"({"machine_id":"m","vtep":"172.31.0.1","vtpe":""})"}) {
    INFO(bad);
    CHECK(registration_from(json(bad)).has_error());
  }
}

TEST_CASE("an allocation survives the way there and back, and unknown fields of a newer controller are ignored") {
  Allocation value;
  value.port_id = "p-1";
  value.network = "default";
  value.subnet = "s1";
  value.pool = "p1";
  value.namespace_ = "shop";
  value.hostname = "db-0";
  value.kind = Kind::stateful;
  value.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
  value.gateway = net::Ipv4Address::parse("10.0.0.1").value();
  value.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  value.vni = net::Vni::from(100).value();
  value.mtu_bytes = 1450;
  value.routes = {Route{net::Cidr::parse("10.1.0.0/16").value(), net::Ipv4Address::parse("10.0.0.2").value()},
                  Route{net::Cidr::parse("10.2.0.0/16").value(), std::nullopt}};
  value.dns.nameservers = {"10.0.0.53"};
  value.dns.search = {"shop.svc"};
  value.generation = 18446744073709551615ULL;
  Json text = to_json(value);
  text["of_a_later_version"] = {1, 2};
  const auto read = allocation_from(text);
  REQUIRE(read.has_value());
  CHECK(read->generation == value.generation);
  CHECK(to_json(*read) == to_json(value));
  for (const char* missing : {"port_id", "address", "gateway", "mac", "vni", "mtu_bytes", "generation", "kind"}) {
    Json broken = to_json(value);
    broken.erase(missing);
    INFO(missing);
    const auto refused = allocation_from(broken);
    REQUIRE(refused.has_error());
    CHECK_THAT(refused.error().message(), Contains(missing));
  }
}

TEST_CASE("kinds by name") {
  for (const Kind kind : {Kind::fixed_by_admin, Kind::stateful, Kind::stateless}) {
    CHECK(parse_kind(to_string(kind)).value() == kind);
  }
  CHECK(parse_kind("Static").has_error());
  CHECK(parse_kind("").has_error());
}

TEST_CASE("JSON written straight to text is that of the library") {
  const std::vector<std::string> texts = {"",    "plain", "a \"b\" \\c",   "tab\tline\n\x01",
                                          "ü €", "\x7f",  "bad \xff utf-8"};
  for (const std::string& text : texts) {
    std::string written;
    append_json(written, text);
    CHECK(written == Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  JsonText object;
  object.boolean("a", true).number("b", 18446744073709551615U).raw("c", "[1]").text("d", "x\"y");
  CHECK(std::move(object).finished() == R"({"a":true,"b":18446744073709551615,"c":[1],"d":"x\"y"})");
  CHECK(JsonText().finished() == "{}");
}

TEST_CASE("an allocation written straight to text is that of the library") {
  Allocation allocation;
  allocation.port_id = "p7";
  allocation.network = "default";
  allocation.namespace_ = "shop";
  allocation.hostname = "db-0";
  allocation.generation = 7;
  SECTION("IPv4") {
    allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
    allocation.gateway = net::Ipv4Address::parse("10.0.0.1").value();
  }
  SECTION("both families, routes, DNS") {
    allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
    allocation.address6 = net::IpInterfaceAddress::parse("fd00::5/64").value();
    allocation.gateway6 = net::IpAddress::parse("fd00::1").value();
    allocation.routes.push_back({net::IpCidr::parse("10.9.0.0/16").value(), std::nullopt, 7, 1400, 1360, 100, 253});
    allocation.mtu_from_underlay = true;
    allocation.dns.nameservers = {"10.0.0.53"};
  }
  CHECK(text_of(allocation) == to_json(allocation).dump());
}
