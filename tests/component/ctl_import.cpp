// mooringctl import, export, apply, diff and edit against the real controller.
#include <fstream>

#include <catch2/catch.hpp>

#include "support/catch_result.hpp"
#include "support/controller_process.hpp"
#include "support/ctl_run.hpp"

using namespace mooring::tests;
using mooring::ipam_api::Json;

namespace {

class Stage {
 public:
  Stage() {
    controller.start();
    client.emplace(controller.client());
    make_small_world(*client);
  }
  CtlOutcome ctl(std::vector<std::string> arguments) { return run_ctl(controller, std::move(arguments)); }
  std::string file(const std::string& name, const std::string& text) {
    return controller.folder().file(name, text, 0600);
  }
  std::uint64_t revision() { return ask(*client, "GET", "/v1/version").body["revision"].get<std::uint64_t>(); }
  std::size_t count(const std::string& collection) {
    return ask(*client, "GET", "/v1/" + collection).body["items"].size();
  }

  ControllerProcess controller;
  std::optional<mooring::http::BlockingClient> client;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("import: conflicts are all named, and nothing is applied in part") {
  Stage stage;
  REQUIRE(ask(*stage.client, "POST", "/v1/ports:allocate", allocate_body("c1", "web-0")).status < 300);
  REQUIRE(
      ask(*stage.client, "POST", "/v1/bindings", {{"namespace", "shop"}, {"hostname", "db-9"}, {"address", "10.0.0.9"}})
          .status == 201);
  const std::uint64_t before = stage.revision();
  const std::string path = stage.file("b.csv",
                                      "namespace,hostname,addresses,mac\n"
                                      "shop,db-0,10.0.0.20,\n"                   // new
                                      "shop,db-9,10.0.0.9,\n"                    // as it is
                                      "shop,db-1,10.0.0.9,\n"                    // held by db-9
                                      "shop,db-2,10.1.0.5,\n"                    // in no subnet
                                      "shop,db-3,10.0.0.1,\n"                    // the gateway
                                      "shop,db-0,10.0.0.21,\n"                   // twice
                                      "shop,db-4,10.0.0.20,\n"                   // its address twice
                                      "shop,db-5,10.0.0.25,02:00:00:00:00:05\n"  // new
                                      "shop,db-6,10.0.0.26,02:00:00:00:00:05\n"  // its MAC twice
                                      "shop,web-0,10.0.0.30,\n"                  // live with another address
                                      "shop,db-9,10.0.0.10,\n");                 // bound to another one
  const CtlOutcome refused = stage.ctl({"import", "csv", path});
  INFO(refused.out << refused.err);
  CHECK(refused.status == 1);
  CHECK(has(refused.out, "2 new, 1 unchanged, 8 in conflict: nothing was applied"));
  for (const char* part :
       {"b.csv:4    binding shop/db-1", "10.0.0.9 belongs to shop/db-9", "is in no subnet of network default",
        "b.csv:6", "shop/db-0 comes twice in this import: binding shop/db-0 at", "10.0.0.20 comes twice in this import",
        "02:00:00:00:00:05", "it is live with",
        "it is bound already: the address is 10.0.0.9, and would be 10.0.0.10"}) {
    CHECK(has(refused.out, part));
  }
  CHECK(stage.count("bindings") == 1);
  CHECK(stage.revision() == before);

  const CtlOutcome dry = stage.ctl({"import", "csv", path, "--skip-conflicts", "--dry-run"});
  CHECK(dry.status == 0);
  CHECK(has(dry.out, "2 new, 1 unchanged, 8 in conflict: nothing was changed, this was a dry run"));
  CHECK(stage.revision() == before);

  const CtlOutcome some = stage.ctl({"import", "csv", path, "--skip-conflicts"});
  CHECK(some.status == 0);
  CHECK(has(some.out, "2 new, 1 unchanged, 8 in conflict: applied"));
  CHECK(stage.count("bindings") == 3);
  const Json made = ask(*stage.client, "GET", "/v1/bindings/default/shop/db-0/0").body;
  CHECK(made["address"] == "10.0.0.20");
  CHECK(made["origin"] == "import");
  CHECK(made["pool"] == "p1");

  const CtlOutcome bad =
      stage.ctl({"import", "csv", stage.file("bad.csv", "hostname,addresses\nx,10.0.0.300\ny,\n"), "-n", "shop"});
  CHECK(bad.status == 2);
  CHECK(has(bad.err, "bad.csv:2: addresses '10.0.0.300'"));
  CHECK(has(bad.err, "bad.csv:3: addresses ''"));
}

TEST_CASE("import: what has no name is reserved, and nobody gets it any more") {
  Stage stage;
  const std::string pods =
      R"({"items": [{"id": "c1", "metadata": {"name": "db-0", "namespace": "shop"}, "state": "SANDBOX_READY"}]})";
  std::filesystem::create_directories(stage.controller.folder().path("networks/podnet"));
  stage.file("networks/podnet/10.0.0.2", "c1\r\neth0");
  stage.file("networks/podnet/10.0.0.3", "c2\r\neth0");
  stage.file("networks/podnet/lock", "");
  const CtlOutcome got = stage.ctl({"import", "host-local", stage.controller.folder().path("networks"), "--pods",
                                    stage.file("pods.json", pods), "-o", "wide"});
  INFO(got.out << got.err);
  CHECK(got.status == 0);
  CHECK(has(got.err, "read 1 binding and 1 reservation"));
  CHECK(has(got.out, "reservation host-local-10-0-0-3   10.0.0.3"));
  CHECK(has(got.out, "2 new, 0 unchanged, 0 in conflict: applied"));
  const Json kept = ask(*stage.client, "GET", "/v1/reservations/host-local-10-0-0-3").body;
  CHECK(kept["note"] == "host-local podnet: container c2 eth0");
  const Json web = ask(*stage.client, "POST", "/v1/ports:allocate", allocate_body("c3", "web-0")).body;
  CHECK(web["address"] == "10.0.0.4/24");
  const CtlOutcome again = stage.ctl({"import", "host-local", stage.controller.folder().path("networks/podnet"),
                                      "--pods", stage.controller.folder().path("pods.json")});
  CHECK(again.status == 0);
  CHECK(has(again.out, "0 new, 2 unchanged, 0 in conflict: there was nothing to do"));
}

TEST_CASE("export: what is written imports back unchanged, here and elsewhere") {
  Stage stage;
  const auto bind = [&](const Json& body) {
    const auto made = ask(*stage.client, "POST", "/v1/bindings", body);
    INFO(made.body);
    REQUIRE(made.status == 201);
  };
  bind({{"namespace", "shop"},
        {"hostname", "db-0"},
        {"address", "10.0.0.20"},
        {"retention", "TTL 36h"},
        {"labels", {{"app", "shop"}, {"team", "data base, a"}}},
        {"note", "said \"hi\",\nand left"}});
  bind({{"namespace", "shop"},
        {"hostname", "db-1"},
        {"interface_ordinal", 2},
        {"address", "10.0.0.21"},
        {"mac", "02:00:00:00:00:07"},
        {"kind", "stateful"},
        {"workload", "db"}});
  const CtlOutcome csv = stage.ctl({"export", "bindings"});
  REQUIRE(csv.status == 0);
  CHECK(has(csv.out,
            "network,namespace,hostname,interface_ordinal,addresses,mac,kind,pool,retention,workload,labels,note\n"));
  const CtlOutcome json = stage.ctl({"export", "bindings", "-o", "json"});
  REQUIRE(json.status == 0);
  const std::string csv_file = stage.file("e.csv", csv.out);
  const std::string json_file = stage.file("e.json", json.out);
  CHECK(has(stage.ctl({"import", "csv", csv_file}).out, "0 new, 2 unchanged"));
  CHECK(has(stage.ctl({"import", "json", json_file}).out, "0 new, 2 unchanged"));

  for (const auto& [form, path] : {std::pair("csv", csv_file), std::pair("json", json_file)}) {
    Stage other;
    const CtlOutcome got = other.ctl({"import", form, path});
    INFO(got.out << got.err);
    CHECK(got.status == 0);
    CHECK(other.ctl({"export", "bindings", "-o", "csv"}).out == csv.out);
  }
  CHECK(stage.ctl({"export", "pools"}).status == 2);
  CHECK(stage.ctl({"get", "pools", "-o", "csv"}).status == 2);
}

TEST_CASE("apply: all objects or none, in any order; diff says what would change") {
  Stage stage;
  const std::string path = stage.file("o.yaml", R"(kind: binding
spec: {namespace: shop, hostname: db-0, network: blue, address: 10.7.0.9}
---
kind: pool
spec:
  name: db
  subnet: blue
  ranges: [10.7.0.0/25]
  kind: stateful
---
kind: subnet
spec: {name: blue, network: blue, vni: 7, cidr: 10.7.0.0/24}
---
kind: network
spec: {name: blue}
---
kind: reservation
spec: {name: printer, subnet: blue, range: 10.7.0.200, note: old}
)");
  const std::uint64_t before = stage.revision();
  const CtlOutcome dry = stage.ctl({"apply", "-f", path, "--dry-run"});
  INFO(dry.out << dry.err);
  CHECK(dry.status == 0);
  CHECK(has(dry.out, "network blue created (dry run)\nsubnet blue created (dry run)\npool db created (dry run)\n"));
  CHECK(stage.revision() == before);
  CHECK(stage.ctl({"diff", "-f", path}).status == 1);
  const CtlOutcome made = stage.ctl({"apply", "-f", path});
  CHECK(made.status == 0);
  CHECK(has(made.out, "binding shop/db-0 in network blue created\n"));
  CHECK(has(stage.ctl({"apply", "-f", path}).out, "pool db unchanged\nreservation printer unchanged\n"));
  CHECK(stage.ctl({"diff", "-f", path}).status == 0);

  const std::uint64_t now = stage.revision();
  const std::string wrong =
      stage.file("w.yaml",
                 "kind: pool\nspec: {name: db, subnet: blue, ranges: [10.7.0.0/26], kind: stateful}\n---\n"
                 "kind: pool\nspec: {name: two, subnet: nowhere}\n---\nkind: spoon\nspec: {}\n");
  const CtlOutcome refused = stage.ctl({"apply", "-f", wrong});
  INFO(refused.err);
  CHECK(refused.status == 1);
  CHECK(has(refused.err, "w.yaml:4: "));
  CHECK(has(refused.err, "nowhere"));
  CHECK(has(refused.err, "w.yaml:7: kind 'spoon' is none that can be applied"));
  CHECK(has(refused.err, "error: applying 3 objects: 2 were refused, so nothing was changed"));
  CHECK(stage.revision() == now);

  const std::string changed =
      stage.file("c.yaml", "kind: reservation\nspec: {name: printer, subnet: blue, range: 10.7.0.200, note: new}\n");
  const CtlOutcome diff = stage.ctl({"diff", "-f", changed});
  CHECK(diff.status == 1);
  CHECK(has(diff.out, "reservation printer would be configured:\n"));
  CHECK(has(diff.out, "- note: old\n+ note: new\n"));
  CHECK(stage.ctl({"apply", "-f", changed}).out == "reservation printer configured\n");
}

TEST_CASE("edit: an editor's change goes in at the revision it was read at") {
  Stage stage;
  const auto editor = [&](const std::string& script) {
    const std::string path = stage.controller.folder().file("editor", "#!/bin/sh\n" + script + "\n", 0700);
    ::setenv("EDITOR", path.c_str(), 1);
    ::unsetenv("VISUAL");
    return stage.ctl({"edit", "pool", "p1"});
  };
  const CtlOutcome changed = editor("sed -i 's/^kind: stateless/kind: stateful/' \"$1\"");
  INFO(changed.out << changed.err);
  CHECK(changed.status == 0);
  CHECK(changed.out == "pool p1 edited\n");
  CHECK(ask(*stage.client, "GET", "/v1/pools/p1").body["kind"] == "stateful");
  CHECK(editor("true").out == "pool p1 unchanged\n");

  // A refusal comes back as a comment: the second time this editor sees it, and corrects.
  const CtlOutcome twice = editor(
      "if grep -q '^# error: ' \"$1\"; then sed -i 's/^kind: .*/kind: stateless/' \"$1\"; "
      "else sed -i 's/^kind: .*/kind: wooden/' \"$1\"; fi");
  INFO(twice.err);
  CHECK(twice.status == 0);
  CHECK(twice.out == "pool p1 edited\n");

  const CtlOutcome gave_up = editor("sed -i 's/^kind: stateless/kind: wooden/' \"$1\"");
  CHECK(gave_up.status == 2);
  CHECK(has(gave_up.err, "what you wrote is in "));
  CHECK(has(gave_up.err, "wooden"));
  CHECK(editor("exit 1").status == 1);

  // Somebody else was faster.
  const std::string other =
      "'" MOORING_BINARY_DIR "/ipam-controller/mooringctl' --server 'unix:" + stage.controller.socket_path() +
      "' apply -f '" + stage.file("p.yaml", "kind: pool\nspec: {name: p1, subnet: s1, cooldown_seconds: 30}\n") + "'";
  const CtlOutcome late = editor(other + " >/dev/null; sed -i 's/^kind: .*/kind: static/' \"$1\"");
  INFO(late.err);
  CHECK(late.status == 1);
  CHECK(has(late.err, "If-Match"));
  CHECK(ask(*stage.client, "GET", "/v1/pools/p1").body["kind"] == "stateless");
}
