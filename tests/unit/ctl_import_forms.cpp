// The foreign forms, on what the real programs wrote.
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "ipam-controller/exchange/formats.hpp"
#include "support/catch_result.hpp"

using namespace mooring::exchange;
using mooring::ipam_api::ImportItem;

namespace {

constexpr auto reservation = ImportItem::What::reservation;

Rules in_shop() {
  Rules rules;
  rules.namespace_ = "shop";
  rules.now_seconds = 1'795'262'300;  // some seconds after Kea wrote the files below
  return rules;
}

// "shop/db-0#1 10.0.0.5, fd00::5 02:… in blue", "~kea-10-0-0-5 10.0.0.5: note": one line an item.
std::string text_of(const Reading& reading) {
  std::string text;
  for (const ImportItem& item : reading.items()) {
    if (item.what == reservation) {
      text += "~" + item.name + " " + item.addresses.str() + ": " + item.note;
    } else {
      text += item.namespace_ + "/" + item.hostname;
      text += item.interface_ordinal == 0 ? "" : "#" + std::to_string(item.interface_ordinal);
      text += " " + item.addresses.str() + (item.mac ? " " + item.mac->str() : "");
    }
    text += (item.network == "default" ? "" : " in " + item.network) + "\n";
  }
  return text;
}
std::string faults_of(const Reading& reading) {
  std::string text;
  for (const Fault& fault : reading.faults()) {
    text += fault.str() + "\n";
  }
  return text;
}
std::string left_out_of(const Reading& reading) {
  std::string text;
  for (const LeftOut& left : reading.left_out()) {
    text += left.place.str() + ": " + left.why + "\n";
  }
  return text;
}

template <class Read>
Reading read(const std::string& form, const Rules& rules, Read&& run) {
  Reading reading(form, rules);
  run(reading);
  reading.finish();
  return reading;
}

// A lease file of Kea 2.2 after real clients, lease4-add, lease4-update and lease4-del.
const std::string kea4 =
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"
    "10.9.0.10,76:67:49:3c:ec:88,01:76:67:49:3c:ec:88,4000,1795266261,1,0,0,web-1.shop.example.com.,0,\n"
    "10.9.0.10,76:67:49:3c:ec:88,01:76:67:49:3c:ec:88,4000,1795266261,1,0,0,web-1,0,\n"
    "10.9.0.12,02:00:00:00:00:78,01:02:00:00:00:00:78,4000,1795266261,1,0,0,,0,\n"
    "10.9.0.50,02:00:00:00:00:50,01:02:00:00:00:00:50,4000,1795266261,1,0,0,db-0.shop.example.com.,0,\n"
    "10.9.0.51,02:00:00:00:00:51,,4294967295,6090229556,1,0,0,db-1.shop.example.com,0,\n"
    "10.9.0.52,02:00:00:00:00:52,,4000,1795266261,1,0,0,gone,0,{ \"a\": \"b&#x2c c\" }\n"
    "10.9.0.53,02:00:00:00:00:53,,4000,1795266261,1,0,0,,1,\n"
    "10.9.0.54,02:00:00:00:00:54,,4000,1795262200,1,0,0,late,0,\n"
    "10.9.0.52,02:00:00:00:00:52,,0,1795262261,1,0,0,gone,0,{ \"a\": \"b&#x2c c\" }\n";
const std::string kea6 =
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,"
    "hwaddr,state,user_context,hwtype,hwaddr_source\n"
    "2001:db8:9::50,00:01:00:01:02:03:04:05:02:00:00:00:00:50,7200,1795269461,1,7200,0,1234,128,0,0,"
    "db-0.shop.example.com.,02:00:00:00:00:50,0,,1,0\n"
    "2001:db8:f:100::,00:01:00:01:02:03:04:05:02:00:00:00:00:50,7200,1795269461,1,7200,2,1235,56,0,0,,,0,,,\n"
    "2001:db8:9::51,00:01:00:01:02:03:04:05:02:00:00:00:00:51,7200,1795269461,1,7200,0,1,128,0,0,,,0,,,\n";

const std::string ippools = R"(apiVersion: v1
items:
- apiVersion: whereabouts.cni.cncf.io/v1alpha1
  kind: IPPool
  metadata:
    name: 10.0.0.0-24
    namespace: kube-system
    resourceVersion: "7"
  spec:
    allocations:
      "5":
        id: 3a7f
        ifname: net1
        podref: shop/db-0
      "6":
        id: 3a80
        podref: shop/db-1
      "7":
        id: 3a81
        podref: ""
    range: 10.0.0.0/24
- apiVersion: whereabouts.cni.cncf.io/v1alpha1
  kind: IPPool
  metadata:
    name: fd00---64
  spec:
    allocations:
      "21":
        id: 3a7f
        ifname: net1
        podref: shop/db-0
    range: fd00::/64
kind: List
metadata:
  resourceVersion: ""
)";

}  // namespace

TEST_CASE("kea: the last line of an address counts; both families become one binding") {
  Rules rules = in_shop();
  const Reading got = read("kea", rules, [](Reading& reading) {
    read_kea({{"kea-leases4.csv", kea4}}, reading);
    read_kea({{"kea-leases6.csv", kea6}}, reading);
  });
  CHECK(faults_of(got).empty());
  CHECK(text_of(got) ==
        "shop/web-1 10.9.0.10 76:67:49:3c:ec:88\n"
        "~kea-10-9-0-12 10.9.0.12: kea: leased to 02:00:00:00:00:78\n"
        "shop/db-0 10.9.0.50, 2001:db8:9::50 02:00:00:00:00:50\n"
        "shop/db-1 10.9.0.51 02:00:00:00:00:51\n"
        "~kea-10-9-0-53 10.9.0.53: kea: declined, somebody else uses it\n"
        "~kea-2001-db8-9-0-0-0-0-51 2001:db8:9::51: kea: leased to DUID 00:01:00:01:02:03:04:05:02:00:00:00:00:51\n");
  CHECK(left_out_of(got) ==
        "kea-leases4.csv:10: the lease of 10.9.0.52 was deleted\n"
        "kea-leases4.csv:9: the lease of 10.9.0.54 has ended\n"
        "kea-leases6.csv:3: 2001:db8:f:100::/56 is a delegated prefix\n");
  CHECK(got.items()[2].source == "kea-leases4.csv:5, kea-leases6.csv:2");
}

TEST_CASE("kea: the files of a clean-up come before the lease file") {
  static const std::set<std::string> there{"l.csv", "l.csv.1", "l.csv.2"};
  static const std::set<std::string> cleaned{"l.csv", "l.csv.1", "l.csv.completed"};
  CHECK(kea_files("l.csv", [](const std::string& name) { return there.contains(name); }) ==
        std::vector<std::string>{"l.csv.2", "l.csv.1", "l.csv"});
  CHECK(kea_files("l.csv", [](const std::string& name) { return cleaned.contains(name); }) ==
        std::vector<std::string>{"l.csv.completed", "l.csv"});
  const Reading got = read("kea", in_shop(), [](Reading& reading) {
    const std::string head = kea4.substr(0, kea4.find('\n') + 1);
    const std::string old_line = "10.9.0.10,02:00:00:00:00:01,,4000,1795266261,1,0,0,old,0,\n";
    const std::string new_line = "10.9.0.10,02:00:00:00:00:02,,4000,1795266261,1,0,0,new,0,,0\n";
    read_kea({{"l.2", head + old_line}, {"l", head.substr(0, head.size() - 1) + ",pool_id\n" + new_line}}, reading);
  });
  CHECK(text_of(got) == "shop/new 10.9.0.10 02:00:00:00:00:02\n");
}

TEST_CASE("kea: every bad line is named") {
  const std::string head = kea4.substr(0, kea4.find('\n') + 1);
  const Reading got = read("kea", in_shop(), [&](Reading& reading) {
    read_kea({{"l", head + "10.9.0.300,02:00:00:00:00:01,,4000,1795266261,1,0,0,a,0,\n" +
                        "10.9.0.1,zz,,4000,1795266261,1,0,0,a,0,\n" + "10.9.0.2,02:00:00:00:00:01,,x,1,1,0,0,a,0,\n" +
                        "10.9.0.3,02:00:00:00:00:01,,4000,1795266261,1,0,0,a_b,0,\n" + "10.9.0.4,short\n" +
                        "10.9.0.5,02:00:00:00:00:01,,4000,1795266261,1,0,0,a,9,\n"}},
             reading);
  });
  CHECK(got.items().empty());
  const std::string text = faults_of(got);
  INFO(text);
  for (const char* part : {"l:2: address '10.9.0.300'", "l:3: hwaddr 'zz'", "--without-macs", "l:4: valid_lifetime 'x'",
                           "l:5: hostname 'a_b'", "l:6: it has 2 cells", "l:7: state '9'"}) {
    CHECK(text.find(part) != std::string::npos);
  }
  const Reading other = read("kea", in_shop(), [](Reading& reading) { read_kea({{"x", "a,b\n1,2\n"}}, reading); });
  CHECK(faults_of(other).find("no column address") != std::string::npos);
}

TEST_CASE("names: first label, namespace from the second one, or all of it") {
  const auto names = [](HostnameRule rule, const std::string& space) {
    Rules rules = in_shop();
    rules.hostnames = rule;
    rules.namespace_ = space;
    rules.keep_macs = false;
    rules.reservations = false;
    rules.only = {"*/db-*"};
    return read("kea", rules, [](Reading& reading) { read_kea({{"l", kea4}}, reading); });
  };
  CHECK(text_of(names(HostnameRule::first_label, "x")) == "x/db-0 10.9.0.50\nx/db-1 10.9.0.51\n");
  const Reading by_label = names(HostnameRule::label_namespace, "");
  CHECK(text_of(by_label) == "shop/db-0 10.9.0.50\nshop/db-1 10.9.0.51\n");
  CHECK(faults_of(by_label).find("l:3: hostname 'web-1': it has one label, so no namespace") == 0);
  CHECK(text_of(names(HostnameRule::whole, "x")).starts_with("x/db-0.shop.example.com 10.9.0.50\n"));
  CHECK(faults_of(names(HostnameRule::first_label, "")).find("it has no namespace (give one with -n") !=
        std::string::npos);
  CHECK(parse_hostname_rule("host.namespace").value() == HostnameRule::label_namespace);
  CHECK_FALSE(parse_hostname_rule("dns"));
}

TEST_CASE("host-local: the pods of crictl give the names, other containers are kept out of use") {
  const std::string pods = R"({"items": [
    {"id": "c0ffee1", "metadata": {"name": "db-0", "uid": "4cad", "namespace": "shop", "attempt": 0},
     "state": "SANDBOX_READY", "createdAt": "1702671154122345580", "labels": {}, "runtimeHandler": ""},
    {"id": "c0ffee2", "metadata": {"name": "db-0", "uid": "4cac", "namespace": "shop", "attempt": 0},
     "state": "SANDBOX_NOTREADY"}]})";
  const auto sandboxes = sandboxes_in({"pods.json", pods});
  REQUIRE(sandboxes);
  // As host-local 1.1 wrote them.
  const std::vector<TextFile> files = {{"n/podnet/10.10.0.2", "c0ffee1\r\neth0"},
                                       {"n/podnet/fd00:10::2", "c0ffee1\r\neth0"},
                                       {"n/podnet/10.10.0.3", "c0ffee1\r\nnet1"},
                                       {"n/podnet/10.10.0.4", "c0ffee2\r\neth0"},
                                       {"n/podnet/10.10.0.5", "c0ffee3"},
                                       {"n/podnet/last_reserved_ip.0", "10.10.0.5"},
                                       {"n/podnet/lock", ""}};
  const auto run = [&](Reading& reading) {
    for (const TextFile& file : files) {
      read_host_local("podnet", file, *sandboxes, reading);
    }
  };
  const Reading got = read("host-local", Rules(), run);
  CHECK(faults_of(got).empty());
  CHECK(text_of(got) ==
        "shop/db-0 10.10.0.2, fd00:10::2\n"
        "shop/db-0#1 10.10.0.3\n"
        "~host-local-10-10-0-4 10.10.0.4: host-local podnet: container c0ffee2 eth0, pod shop/db-0 (not ready)\n"
        "~host-local-10-10-0-5 10.10.0.5: host-local podnet: container c0ffee3\n");
  Rules bare;
  bare.reservations = false;
  CHECK(read("host-local", bare, run).items().size() == 2);

  const Reading bad = read("host-local", Rules(), [&](Reading& reading) {
    read_host_local("podnet", {"n/podnet/README", "hello"}, *sandboxes, reading);
    read_host_local("podnet", {"n/podnet/10.10.0.9", ""}, *sandboxes, reading);
  });
  CHECK(faults_of(bad).find("n/podnet/README: file name 'README'") == 0);
  CHECK(faults_of(bad).find("n/podnet/10.10.0.9: it names no container") != std::string::npos);
  CHECK_FALSE(sandboxes_in({"p", "{\"pods\": []}"}));
  CHECK_FALSE(sandboxes_in({"p", "{\"items\": [{\"id\": \"x\"}]}"}));
  CHECK_FALSE(sandboxes_in({"p", "nothing"}));
}

TEST_CASE("whereabouts: offsets count from the range; lines are known") {
  const Reading got = read("whereabouts", Rules(), [](Reading& reading) {
    read_whereabouts({"p.yaml", ippools}, reading);
  });
  CHECK(faults_of(got).empty());
  CHECK(text_of(got) ==
        "shop/db-0#1 10.0.0.5, fd00::15\n"
        "shop/db-1 10.0.0.6\n"
        "~whereabouts-10-0-0-7 10.0.0.7: whereabouts 10.0.0.0-24: container 3a81\n");
  CHECK(got.items()[1].source == "p.yaml:16 (IPPool 10.0.0.0-24, allocation 6)");

  const std::string wrong = R"({"apiVersion": "whereabouts.cni.cncf.io/v1alpha1", "kind": "IPPool",
  "metadata": {"name": "10.0.0.0-30"}, "spec": {"range": "10.0.0.0/30", "allocations": {
  "5": {"id": "a", "podref": "shop/a"},
  "x": {"id": "a", "podref": "shop/a"},
  "1": {"id": "a", "podref": "nothing"},
  "2": {"id": "a", "podref": "shop/a_b"}}}})";
  const Reading bad = read("whereabouts", Rules(), [&](Reading& reading) {
    read_whereabouts({"p.json", wrong}, reading);
  });
  CHECK(bad.items().empty());
  const std::string text = faults_of(bad);
  INFO(text);
  for (const char* part :
       {"p.json:3 (IPPool 10.0.0.0-30, allocation 5): allocations '5': it is outside the range 10.0.0.0/30",
        "p.json:4 (IPPool 10.0.0.0-30, allocation x): allocations 'x': it is no offset",
        "podref 'nothing': it is no pod", "podref 'a_b'"}) {
    CHECK(text.find(part) != std::string::npos);
  }
  for (const char* other :
       {"kind: Pod\napiVersion: v1\n", "a: [", "apiVersion: whereabouts.cni.cncf.io/v1alpha1\nkind: X\n"}) {
    const Reading none = read("whereabouts", Rules(), [&](Reading& reading) {
      read_whereabouts({"p", other}, reading);
    });
    CHECK(none.faults().size() == 1);
  }
}

TEST_CASE("networks of the source are mapped, and several of them are never mixed silently") {
  std::string two = ippools;
  two.replace(two.find("name: 10.0.0.0-24"), 17, "name: blue-10.0.0.0-24");
  const auto run = [&](Reading& reading) { read_whereabouts({"p.yaml", two}, reading); };
  const Reading refused = read("whereabouts", Rules(), run);
  CHECK(refused.items().size() == 1);
  CHECK(faults_of(refused).find("network 'blue': the source has several networks (the one without a name, 'blue'), and "
                                "nothing says which of ours this one is (give --map 'blue=NETWORK'") !=
        std::string::npos);
  Rules rules;
  rules.networks = {{"bl*", "net-2"}};
  const Reading mapped = read("whereabouts", rules, run);
  CHECK(faults_of(mapped).empty());
  CHECK(text_of(mapped).find("shop/db-0#1 10.0.0.5 in net-2\n") == 0);
  CHECK(text_of(mapped).find("shop/db-0#1 fd00::15\n") != std::string::npos);
}

TEST_CASE("netbox: titles of the table, or field names; what is shared or reserved is kept out of use") {
  const std::string table =
      "\xef\xbb\xbf"
      "ID,IP Address,VRF,Status,Role,Tenant,Parent,DNS name,Description\n"
      "1,10.0.0.5/24,Global,Active,,,vm1,db-0.shop.example.com,\"main, db\"\n"
      "2,fd00::5/64,,Active,,,vm1,DB-0.shop.example.com,\n"
      "3,10.0.0.6/24,,DHCP,,,vm2,,\n"
      "4,10.0.0.7/24,,Reserved,,,,printer,\n"
      "5,10.0.0.8/24,,Active,VRRP,,,vip,gateway pair\n"
      "6,10.0.0.9/24,,Active,,,,,\n"
      "7,10.0.0.10/24,,Gone,,,,x,\n"
      "8,10.0.0.11/24,,Active,,,Core Switch 1,,\n";
  const auto file = text_from("nb.csv", table);
  REQUIRE(file);
  const Reading got = read("netbox", in_shop(), [&](Reading& reading) { read_netbox(*file, reading); });
  CHECK(text_of(got) ==
        "shop/db-0 10.0.0.5, fd00::5\n"
        "shop/vm2 10.0.0.6\n"
        "~netbox-10-0-0-7 10.0.0.7: netbox: reserved, printer\n"
        "~netbox-10-0-0-8 10.0.0.8: netbox: role vrrp, vip, gateway pair\n"
        "~netbox-10-0-0-9 10.0.0.9: netbox: an address without a name\n");
  CHECK(got.items()[0].note == "main, db");
  CHECK(faults_of(got).find("nb.csv:8: Status 'Gone'") != std::string::npos);
  CHECK(faults_of(got).find("nb.csv:9: Parent 'Core Switch 1'") != std::string::npos);
  const Reading old = read("netbox", in_shop(), [](Reading& reading) {
    read_netbox({"o", "address;vrf;status;role;dns_name\n10.0.0.5/24;;active;;db-0\n"}, reading);
  });
  CHECK(text_of(old) == "shop/db-0 10.0.0.5\n");
  CHECK(read("netbox", in_shop(), [](Reading& r) { read_netbox({"o", "a,b\n"}, r); }).faults().size() == 1);
}

TEST_CASE("phpipam: both of its exports") {
  const std::string section =
      "Section,IP Address,Hostname,Description,VRF,Subnet,MAC,Owner,Device,Note,Tag,Gateway\n"
      "Shop,10.0.0.1,gw,,default,10.0.0.0/24,,,,,,Yes\n"
      "Shop,10.0.0.5,db-0.example.com,main,default,10.0.0.0/24,0A58.0A00.0005,,,,Used,No\n"
      "Shop,10.0.0.6,printer,,default,10.0.0.0/24,,,,,Reserved,No\n"
      "Shop,10.0.0.7,,lab,default,10.0.0.0/24,02-00-00-00-00-07,,,,Offline,No\n";
  const Reading got = read("phpipam", in_shop(), [&](Reading& r) { read_phpipam({"s.csv", section}, r); });
  CHECK(faults_of(got).empty());
  CHECK(text_of(got) ==
        "shop/db-0 10.0.0.5 0a:58:0a:00:00:05\n"
        "~phpipam-10-0-0-6 10.0.0.6: phpipam: reserved, printer\n"
        "~phpipam-10-0-0-7 10.0.0.7: phpipam: an address without a name, lab\n");
  CHECK(left_out_of(got).find("10.0.0.1 is a gateway") != std::string::npos);
  const std::string subnet =
      "Shop pods,,,,\n10.0.0.0/24,,,,\n,,,,\nip address,ip state,description,hostname,mac\n10.0.0.5,Used,,db-0,\n"
      "10.0.0.6,Reserved,,,\n";
  CHECK(text_of(read("phpipam", in_shop(), [&](Reading& r) {
          read_phpipam({"s.csv", subnet}, r);
        })) == "shop/db-0 10.0.0.5\n~phpipam-10-0-0-6 10.0.0.6: phpipam: reserved\n");
}

TEST_CASE("our own csv: strict, complete, and read back as it was written") {
  const std::string text =
      "hostname,namespace,addresses,interface_ordinal,mac,kind,pool,retention,workload,labels,note,network\n"
      "db-0,shop,10.0.0.5 fd00::5,1,0a:58:0a:00:00:05,stateful,db,TTL 36h,db,app=shop tier=db,\"a, \"\"b\"\"\",blue\n"
      "DB-1,,10.0.0.6,,,,,,,,,\n";
  const Reading got = read("csv", in_shop(), [&](Reading& r) { read_bindings_csv({"b.csv", text}, r); });
  CHECK(faults_of(got).empty());
  REQUIRE(got.items().size() == 2);
  const ImportItem& item = got.items()[0];
  CHECK(item.subject() == "binding shop/db-0 (interface 1) in network blue");
  CHECK(item.retention->str() == "TTL 36h");
  CHECK(item.labels.at("tier") == "db");
  CHECK(item.note == "a, \"b\"");
  CHECK(got.items()[1].hostname == "db-1");

  std::string written =
      "network,namespace,hostname,interface_ordinal,addresses,mac,kind,pool,retention,workload,labels,note\n";
  std::vector<ImportItem> items = got.items();
  for (const ImportItem& each : items) {
    for (const std::string& cell : binding_cells(each)) {
      written += (written.back() == '\n' ? "\"" : ",\"");
      for (const char c : cell) {
        written += c == '"' ? "\"\"" : std::string(1, c);
      }
      written += '"';
    }
    written += '\n';
  }
  CHECK(binding_columns().size() == binding_cells(items[0]).size());
  const Reading again = read("csv", Rules(), [&](Reading& r) { read_bindings_csv({"b.csv", written}, r); });
  CHECK(faults_of(again).empty());
  CHECK(again.items() == items);

  ImportItem spaced = items[0];
  spaced.labels = {{"team", "data base; a,b"}};
  CHECK(binding_cells(spaced)[10] == R"({"team":"data base; a,b"})");
  const TextFile json_cell{"j", "hostname,addresses,labels\nx,10.0.0.5,\"{\"\"team\"\":\"\"data base\"\"}\"\n"};
  const Reading labelled = read("csv", in_shop(), [&](Reading& r) { read_bindings_csv(json_cell, r); });
  REQUIRE(labelled.items().size() == 1);
  CHECK(labelled.items()[0].labels.at("team") == "data base");

  const Reading bad = read("csv", in_shop(), [](Reading& r) {
    read_bindings_csv({"b.csv",
                       "hostname,addresses,kind,mac,labels,retention\n,10.0.0.5,,,,\na,10.0.0.5 10.0.0.6,,,,\nb,,,,,\n"
                       "c,10.0.0.7,stateless,,,\nd,10.0.0.8,,zz,,\ne,10.0.0.9,,,x,\nf,10.0.0.9,,,,TTL\n"},
                      r);
  });
  CHECK(bad.items().empty());
  const std::string faults = faults_of(bad);
  INFO(faults);
  for (const char* part : {"b.csv:2: hostname ''", "b.csv:3: addresses '10.0.0.5 10.0.0.6': it has two IPv4 addresses",
                           "b.csv:4: addresses ''", "b.csv:5: kind 'stateless'", "b.csv:6: mac 'zz'",
                           "b.csv:7: labels 'x'", "b.csv:8: retention 'TTL'"}) {
    CHECK(faults.find(part) != std::string::npos);
  }
  const Reading unknown = read("csv", in_shop(), [](Reading& r) {
    read_bindings_csv({"b", "hostname,address,color\na,10.0.0.5,red\n"}, r);
  });
  CHECK(faults_of(unknown).find("the column color is not known (columns are network, namespace") != std::string::npos);
}

TEST_CASE("json and yaml in the shape of the API") {
  const std::string text =
      "items:\n- {namespace: shop, hostname: db-0, address: 10.0.0.5, address6: fd00::5}\n"
      "- namespace: shop\n  hostname: db-1\n  address: 10.0.1.6\n"
      "- {what: reservation, name: printer, address: 10.0.0.9, note: n}\n";
  CHECK(text_of(read("yaml", Rules(), [&](Reading& r) {
          read_items({"i", text}, r);
        })) == "shop/db-0 10.0.0.5, fd00::5\nshop/db-1 10.0.1.6\n~printer 10.0.0.9: n\n");
  Rules some;
  some.within = {mooring::net::IpCidr::parse("10.0.0.0/24").value()};
  some.reservations = false;
  const Reading few = read("yaml", some, [&](Reading& r) { read_items({"i", text}, r); });
  CHECK(text_of(few) == "shop/db-0 10.0.0.5, fd00::5\n");
  CHECK(left_out_of(few).find("i:3: binding shop/db-1 is not asked for") == 0);
  const Reading bad = read("json", Rules(), [](Reading& r) {
    read_items({"i",
                "{\"items\": [{\"namespace\": \"a\", \"hostname\": \"b\"},\n{\"namespace\": \"a\", \"hostname\": "
                "\"b\", \"address\": \"x\"}]}"},
               r);
    read_items({"j", "[]"}, r);
  });
  CHECK(faults_of(bad).find("i:1: item.address: is missing") == 0);
  CHECK(faults_of(bad).find("i:2: item.address: ") != std::string::npos);
  CHECK(faults_of(bad).find("j:1: it has no list called items") != std::string::npos);
}

TEST_CASE("items go over the wire and back") {
  const Reading got = read("csv", in_shop(), [](Reading& r) {
    read_bindings_csv(
        {"b.csv",
         "hostname,addresses,mac,retention,labels,note\ndb-0,10.0.0.5 fd00::5,02:00:00:00:00:01,Never,a=b,n\n"},
        r);
    r.add(Entry{{"x", 3, ""}, "", "10.0.0.9", "address", "", "", "hostname", false, "", "", "mac", "", "", "kept"});
  });
  REQUIRE(got.items().size() == 2);
  for (const ImportItem& item : got.items()) {
    const auto back = mooring::ipam_api::import_item_from(to_json(item), "items[0]");
    REQUIRE(back);
    CHECK(*back == item);
  }
  const auto json = mooring::ipam_api::Json::parse(R"({"namespace":"a","hostname":"b","address":"fd00::1"})");
  const auto twice = mooring::ipam_api::import_item_from(json, "items[3]");
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message().find("items[3].address: 'fd00::1' is no IPv4 address") == 0);
}
