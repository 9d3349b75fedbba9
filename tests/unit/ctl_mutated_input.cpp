// Files of others, damaged at random: every reader gives items or faults, never an exception, and what it takes it can
// write and read again. Short here, for long with [full].
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ipam-controller/cli/documents.hpp"
#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/formats.hpp"
#include "support/catch_result.hpp"

using namespace mooring::exchange;
using mooring::ipam_api::ImportItem;

namespace {

struct Seed {
  const char* form;
  const char* text;
};
const Seed seeds[] = {
    {"csv",
     "network,namespace,hostname,interface_ordinal,addresses,mac,kind,pool,retention,workload,labels,note\n"
     "default,shop,db-0,0,10.0.0.5 fd00::5,0a:58:0a:00:00:05,static,db,TTL 36h,db,app=shop,\"a \"\"b\"\"\"\n"},
    {"kea",
     "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"
     "10.9.0.10,76:67:49:3c:ec:88,01:76,4000,1795266261,1,0,0,web-1.shop.,0,{ \"a\": \"b&#x2c c\" }\n"
     "10.9.0.10,76:67:49:3c:ec:88,,0,1795266261,1,0,0,web-1,0,\n"},
    {"kea",
     "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,hostname,hwaddr\n"
     "2001:db8::5,00:01,7200,1795266261,1,7200,0,1,128,db-0,02:00:00:00:00:50\n"},
    {"whereabouts",
     "apiVersion: whereabouts.cni.cncf.io/v1alpha1\nkind: IPPool\nmetadata:\n  name: blue-10.0.0.0-24\n"
     "spec:\n  allocations:\n    \"5\": {id: 3a7f, ifname: net1, podref: shop/db-0}\n  range: 10.0.0.0/24\n"},
    {"yaml", "{\"items\": [{\"namespace\": \"shop\", \"hostname\": \"db-0\", \"address\": \"10.0.0.5\"}]}\n"},
    {"netbox",
     "ID,IP Address,VRF,Status,Role,Parent,DNS name,Description\n1,10.0.0.5/24,blue (6:1),Active,VIP,vm,a.b,\"x\"\n"},
    {"phpipam", "t\n\nip address,ip state,hostname,mac\n10.0.0.5,Used,db-0,0a58.0a00.0005\n"},
    {"host-local", "c0ffee1\r\neth0"}};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::string damaged(std::string text) {
    static const std::vector<std::string> tokens = {"\"",
                                                    ",",
                                                    ";",
                                                    "\n",
                                                    "\r\n",
                                                    ":",
                                                    "- ",
                                                    "{",
                                                    "}",
                                                    "[[[[",
                                                    "&a ",
                                                    "*a",
                                                    "!!x ",
                                                    "|\n",
                                                    "null",
                                                    "0",
                                                    "-1",
                                                    "1e999",
                                                    "::",
                                                    "/33",
                                                    "/129",
                                                    "10.0.0.256",
                                                    "\xff",
                                                    "\xc3",
                                                    "\t",
                                                    "# ",
                                                    "&#x2c",
                                                    "&#x",
                                                    "18446744073709551616",
                                                    "fd00::1",
                                                    "? ",
                                                    "=",
                                                    " ",
                                                    "99999999999999999999"};
    for (auto damages = 1 + below(4); damages > 0; --damages) {
      const std::size_t at = below(text.size() + 1);
      switch (below(5)) {
        case 0:
        case 1:
          text.insert(at, tokens[below(tokens.size())]);
          break;
        case 2:
          text.erase(at, below(12));
          break;
        case 3:
          if (at < text.size()) {
            text[at] = static_cast<char>(random_() & 0xffU);
          }
          break;
        default:
          text.insert(at, text.substr(below(text.size() + 1), below(60)));
      }
    }
    return text;
  }
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

 private:
  std::mt19937 random_;
};

void read(const std::string& form, const TextFile& file, Reading& reading) {
  if (form == "csv") {
    read_bindings_csv(file, reading);
  } else if (form == "kea") {
    read_kea({file}, reading);
  } else if (form == "whereabouts") {
    read_whereabouts(file, reading);
  } else if (form == "yaml") {
    read_items(file, reading);
    static_cast<void>(mooring::ctl::objects_in(file));
  } else if (form == "netbox") {
    read_netbox(file, reading);
  } else if (form == "phpipam") {
    read_phpipam(file, reading);
  } else {
    read_host_local("n", file, {}, reading);
  }
}

// How many items were taken.
std::size_t run(unsigned seed, int rounds) {
  Mutator mutator(seed);
  std::size_t taken = 0;
  for (int round = 0; round < rounds; ++round) {
    const Seed& from = seeds[mutator.below(std::size(seeds))];
    const std::string text = mutator.damaged(from.text);
    INFO(from.form << ": " << text);
    const auto file = text_from("10.0.0.7", text);
    if (!file) {
      continue;
    }
    Rules rules;
    rules.namespace_ = "shop";
    Reading reading(from.form, rules);
    REQUIRE_NOTHROW(read(from.form, *file, reading));
    reading.finish();
    for (const Fault& fault : reading.faults()) {
      REQUIRE_FALSE(fault.str().empty());
    }
    for (const ImportItem& item : reading.items()) {
      ++taken;
      const auto back = mooring::ipam_api::import_item_from(to_json(item), "item");
      REQUIRE(back);
      REQUIRE(*back == item);
      if (item.what == ImportItem::What::binding) {
        const TextFile again{"again", csv_line(binding_columns()) + csv_line(binding_cells(item))};
        Reading written("csv", Rules());
        read_bindings_csv(again, written);
        REQUIRE(written.faults().empty());
        REQUIRE(written.items().size() == 1);
        REQUIRE(binding_cells(written.items()[0]) == binding_cells(item));
      }
    }
  }
  return taken;
}

}  // namespace

TEST_CASE("damaged files never break a reader") {
  CHECK(run(1, 4000) > 500);
}

TEST_CASE("damaged files never break a reader, for long", "[full]") {
  for (unsigned seed = 2; seed < 12; ++seed) {
    CHECK(run(seed, 20'000) > 1000);
  }
}
