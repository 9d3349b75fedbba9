// Patterns, selectors, and the workload that a hostname says.
#include <catch2/catch.hpp>

#include "ipam-controller/domain/patterns.hpp"

using namespace mooring::controller;

TEST_CASE("patterns: * is any text, ? one character", "[domain][patterns]") {
  struct Case {
    const char *pattern, *text;
    bool fits;
  };
  const Case cases[] = {{"", "", true},
                        {"", "a", false},
                        {"*", "", true},
                        {"*", "web-1", true},
                        {"web-*", "web-", true},
                        {"web-*", "web-12", true},
                        {"web-*", "xweb-1", false},
                        {"web-?", "web-1", true},
                        {"web-?", "web-12", false},
                        {"*-1", "web-11", false},
                        {"*-1", "a-1-1", true},
                        {"a*b*c", "axxbyyc", true},
                        {"a*b*c", "axxbyy", false},
                        {"*ab", "aab", true},
                        {"**", "x", true},
                        {"a?*", "a", false},
                        {"web-1", "web-1", true},
                        {"Web", "web", false}};
  for (const Case& c : cases) {
    INFO(c.pattern << " " << c.text);
    CHECK(fits(c.pattern, c.text) == c.fits);
  }
}

TEST_CASE("lists of who may: namespaces, or namespace and hostname", "[domain][patterns]") {
  const Asker asker{"shop", "web-1", "h1", "", {}};
  CHECK(*first_fitting({"bank", "shop"}, asker) == "shop");
  CHECK(*first_fitting({"shop/db-*", "*/web-?"}, asker) == "*/web-?");
  CHECK(first_fitting({"bank/*", "shop/db-*"}, asker) == nullptr);
  CHECK(first_fitting({}, asker) == nullptr);
}

TEST_CASE("a selector says what does not fit", "[domain][patterns]") {
  const Asker asker{"shop", "web-1", "h1", "", {{"tier", "gold"}}};
  CHECK(mismatch({}, asker).empty());
  CHECK(mismatch({{"sh*"}, {"web-*", "db-*"}, {"h?"}, {}, {{"tier", "gold"}}}, asker).empty());
  CHECK(mismatch({{"bank"}, {}, {}, {}, {}}, asker) == "namespace shop is not one of bank");
  CHECK(mismatch({{}, {}, {}, {"a", "b"}, {}}, asker) == "zone (none) is not one of a, b");
  CHECK(mismatch({{}, {}, {}, {}, {{"tier", "iron"}}}, asker) == "label tier is gold, not iron");
  CHECK(mismatch({{}, {}, {}, {}, {{"app", "x"}}}, asker) == "label app is not there, not x");
}

TEST_CASE("the workload of a hostname: without ordinal or hash", "[domain][patterns]") {
  CHECK(workload_of("redis-0") == "redis");
  CHECK(workload_of("redis-cluster-12") == "redis-cluster");
  CHECK(workload_of("web-7d4b9c8f6d-x2x4q") == "web");
  CHECK(workload_of("agent-x2x4q") == "agent");  // of a DaemonSet
  CHECK(workload_of("web") == "web");
  CHECK(workload_of("web-one") == "web-one");
  CHECK(workload_of("-0") == "-0");
}
