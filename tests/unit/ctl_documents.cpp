// Objects in files, their order, and how differences are shown.
#include <catch2/catch.hpp>

#include "ipam-controller/cli/documents.hpp"
#include "ipam-controller/cli/text_diff.hpp"
#include "support/catch_result.hpp"

using namespace mooring::ctl;
using mooring::exchange::TextFile;

namespace {

std::vector<ObjectDocument> objects(const std::string& text) {
  auto found = objects_in({"f.yaml", text});
  REQUIRE(found);
  return *found;
}
std::string refusal(const std::string& text) {
  const auto found = objects_in({"f.yaml", text});
  REQUIRE_FALSE(found);
  return found.error().message();
}

}  // namespace

TEST_CASE("objects: documents, lists and items; each knows its place") {
  const auto found = objects(
      "kind: Network\nspec: {name: blue}\n---\n- kind: pool\n  spec:\n    name: db\n    kind: stateful\n---\n"
      "{\"items\": [{\"kind\": \"rule\", \"spec\": {\"name\": \"r\"}}]}\n");
  REQUIRE(found.size() == 3);
  CHECK(found[0].kind == "network");
  CHECK(found[0].source == "f.yaml:1");
  CHECK(found[1].source == "f.yaml:4");
  CHECK(found[1].spec == Json{{"name", "db"}, {"kind", "stateful"}});
  CHECK(found[2].kind == "rule");
}

TEST_CASE("objects: what is none is refused with its line") {
  CHECK(refusal("a: 1\n") == "reading f.yaml: line 1: it does not say which kind of object it is");
  CHECK(refusal("kind: pool\n---\nkind: pool\nspec: x\n") == "reading f.yaml: line 1: it has no spec");
  CHECK(refusal("kind: pool\nspec: {}\nname: x\n") == "reading f.yaml: line 1: name is not known beside kind and spec");
  CHECK(refusal("just text\n").find("which kind") != std::string::npos);
  CHECK_FALSE(read_objects({"/nonexistent.yaml"}));
}

TEST_CASE("objects: nothing comes before what it refers to") {
  auto found = objects(
      "- {kind: binding, spec: {hostname: a}}\n- {kind: pool, spec: {name: p1, fallback: [p2]}}\n"
      "- {kind: pool, spec: {name: p2, fallback: [p3]}}\n- {kind: pool, spec: {name: p3}}\n"
      "- {kind: other, spec: {}}\n- {kind: subnet, spec: {name: s}}\n- {kind: network, spec: {name: n}}\n"
      "- {kind: pool, spec: {name: ring, fallback: [ring]}}\n");
  sort_for_apply(found);
  std::string order;
  for (const ObjectDocument& object : found) {
    order += object.kind + (object.spec.contains("name") ? ":" + object.spec["name"].get<std::string>() : "") + " ";
  }
  CHECK(order == "network:n subnet:s pool:p3 pool:p2 pool:p1 pool:ring binding other ");
}

TEST_CASE("differences of texts") {
  CHECK(line_diff("a\nb\n", "a\nb\n").empty());
  CHECK(line_diff("", "a\nb\n") == "+ a\n+ b\n");
  CHECK(line_diff("a\n", "") == "- a\n");
  CHECK(line_diff("a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nX\ne\nf\ng\n", 1) == "  c\n- d\n+ X\n  e\n");
  CHECK(line_diff("1\na\n2\n3\n4\n5\nb\n", "1\nA\n2\n3\n4\n5\nB\n", 1) == "  1\n- a\n+ A\n  2\n  …\n  5\n- b\n+ B\n");
}
