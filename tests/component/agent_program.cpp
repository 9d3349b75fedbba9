// mooring-agent whole: real Open vSwitch, kernel and controller; the test is the plugin.
#include <catch2/catch.hpp>

#include "agent_stage.hpp"
#include "mooring/agent_api/deleted_note.hpp"

using namespace mooring;
using namespace mooring::tests;

TEST_CASE("agent: the node is made ready, the underlay address moves to br-phy and back after a vswitchd crash") {
  AgentStage stage;
  stage.start_agent();
  const auto addresses = [&] { return stage.sandbox.run("ip -4 -brief address"); };
  INFO(addresses());
  const auto moved = [&] {
    const auto phy = stage.sandbox.run("ip -4 -brief address show dev br-phy 2>/dev/null || true");
    const auto nic = stage.sandbox.run("ip -4 -brief address show dev eth0");
    return phy.find("172.31.0.1/24") != std::string::npos && nic.find("172.31") == std::string::npos;
  };
  const auto host_side = [&] {
    return stage.sandbox.run("ip -4 -brief address show dev mooring0 2>/dev/null || true").find("169.254.77.2/32") !=
           std::string::npos;
  };
  REQUIRE(moved());
  REQUIRE(host_side());
  const auto answer = stage.add("c1", "web-0");
  const auto route = [&] { return stage.sandbox.run("ip route show 10.0.0.2"); };
  REQUIRE(route().find("via 169.254.77.1 dev mooring0") != std::string::npos);
  REQUIRE(route().find("src 169.254.77.2") != std::string::npos);

  stage.sandbox.kill_vswitchd();
  stage.sandbox.start_vswitchd();
  REQUIRE(eventually(moved));
  REQUIRE(eventually(host_side));
  REQUIRE(eventually([&] { return route().find("mooring0") != std::string::npos; }));
  REQUIRE(eventually([&] {
    const auto status = stage.try_status();
    return status["ready"] == true && status["flows"]["br-int"]["connects_total"] >= 2 &&
           status["flows"]["br-int"]["in_line"] == true;
  }));
  REQUIRE(stage.flows("br-int", "nw_src=10.0.0.2").size() == 1);
  REQUIRE(eventually([&] { return stage.check("c1", answer["allocation"]).body["problems"].empty(); }));
}

TEST_CASE("agent: attach, confirm, check, detach") {
  AgentStage stage;
  stage.start_agent();
  const auto attached = stage.attach("c1", "web-0");
  AgentStage::must(attached);
  const Json& allocation = attached.body["allocation"];
  REQUIRE(allocation["address"] == "10.0.0.2/24");
  REQUIRE(attached.body["bridge"] == "br-int");
  REQUIRE(attached.body["disable_tx_checksum"] == true);
  REQUIRE(attached.body["external_ids"]["mooring.attachment"] == "c1/eth0");
  // Flows are there before the port is.
  REQUIRE(eventually([&] { return !stage.flows("br-int", "nw_src=10.0.0.2").empty(); }));
  REQUIRE(stage.attach("c1", "web-0").body["ofport"] == attached.body["ofport"]);

  stage.make_port(attached.body);
  AgentStage::must(stage.confirm("c1", allocation["generation"]));
  REQUIRE(stage.call("GET", "/v1/ports").body["items"][0]["gate"] == "open");
  REQUIRE(stage.flows("br-tun", "nw_dst=10.0.0.2").size() == 1);
  REQUIRE(stage.check("c1", allocation).body["problems"].empty());
  auto other = allocation;
  other["address"] = "10.0.0.9/24";
  REQUIRE(stage.check("c1", other).body["problems"].size() == 1);
  REQUIRE(stage.check("c2", allocation).body["problems"].size() == 1);
  const auto stale = stage.confirm("c1", 1);
  REQUIRE(stale.body["title"] == "superseded");

  // Somebody deletes a flow behind our back: CHECK looks at the switch, and what differs is put right.
  stage.sandbox.ofctl("del-flows", "br-int", "table=40,ip");
  REQUIRE(stage.flows("br-int", "table=40").size() == 2);
  AgentStage::must(stage.check("c1", allocation));
  REQUIRE(stage.flows("br-int", "table=40").size() == 3);
  const auto detached = stage.detach("c1");
  AgentStage::must(detached);
  REQUIRE(detached.body["released"] == true);
  // Its row is still in OVSDB: not taken for a port again.
  REQUIRE(stage.call("GET", "/v1/ports").body["items"].empty());
  stage.remove_port(attached.body);
  REQUIRE(eventually([&] { return stage.flows("br-int", "10.0.0.2").empty(); }));
  REQUIRE(eventually([&] { return stage.flows("br-tun", "10.0.0.2").empty(); }));
  REQUIRE(stage.controller_ports() == 0);
  REQUIRE(stage.detach("c1").body["released"] == false);
  REQUIRE(stage.detach("never-there").status == 200);
  REQUIRE(stage.sandbox.run("ip route show 10.0.0.2").empty());

  // The same container again, as podman's `network reload` does.
  const auto again = stage.add("c1", "web-0");
  REQUIRE(again["allocation"]["generation"] > allocation["generation"]);
  REQUIRE(stage.check("c1", again["allocation"]).body["problems"].empty());
}

TEST_CASE("agent: killed between attach and confirm, it learns of the port from OVSDB") {
  AgentStage stage;
  stage.start_agent();
  const auto attached = stage.attach("c1", "web-0");
  AgentStage::must(attached);
  stage.kill_agent();
  stage.make_port(attached.body);
  stage.start_agent();
  AgentStage::must(stage.confirm("c1", attached.body["allocation"]["generation"]));
  REQUIRE(stage.check("c1", attached.body["allocation"]).body["problems"].empty());
}

TEST_CASE("agent: refuses what it cannot read") {
  AgentStage stage;
  stage.start_agent();
  REQUIRE(stage.call("POST", "/v1/attach", {{"x", 1}}).status == 400);
  REQUIRE(stage.call("GET", "/v1/nonsense").status == 404);
  REQUIRE(stage.confirm("unknown", 5).body["title"] == "not-found");
  REQUIRE(stage.end_agent() == 0);
  REQUIRE_FALSE(std::filesystem::exists(stage.socket_path()));
}

TEST_CASE("agent: killed and started again, it takes nothing away and knows its ports") {
  AgentStage stage;
  stage.start_agent();
  const auto answer = stage.add("c1", "web-0");
  const auto before = stage.sandbox.ofctl("dump-flows", "br-int", "--no-stats");
  stage.kill_agent();
  SECTION("the controller is there") {
    stage.start_agent();
  }
  SECTION("the controller is away") {
    stage.controller.kill_now();
    stage.start_agent(false);
    REQUIRE(eventually([&] { return stage.call("GET", "/v1/ports").body["items"].size() == 1; }));
  }
  const auto port = stage.call("GET", "/v1/ports").body["items"][0];
  REQUIRE(port["open"] == true);
  REQUIRE(port["ofport"] == answer["ofport"]);
  REQUIRE(eventually([&] { return stage.try_status()["flows"]["br-int"]["in_line"] == true; }));
  REQUIRE(stage.try_status()["flows"]["br-int"]["removed_total"] == 0);
  REQUIRE(stage.sandbox.ofctl("dump-flows", "br-int", "--no-stats") == before);
}

TEST_CASE("agent: a release that the controller could not hear survives both their deaths") {
  AgentStage stage;
  stage.start_agent();
  const auto answer = stage.add("c1", "web-0");
  stage.controller.kill_now();
  REQUIRE(eventually([&] { return stage.try_status()["controller"]["connected"] == false; }));
  const auto detached = stage.detach("c1");
  REQUIRE(detached.status == 200);
  REQUIRE(detached.body["journaled"] == true);
  stage.kill_agent();
  stage.start_agent(false);
  // The row is still there, and is not a port any more.
  REQUIRE(eventually([&] { return stage.try_status()["bridges_ready"] == true; }));
  REQUIRE(stage.call("GET", "/v1/ports").body["items"].empty());
  stage.remove_port(answer);
  REQUIRE(stage.try_status()["ports"]["releases_owed"] == 1);
  stage.controller.start();
  REQUIRE(eventually([&] { return stage.controller_ports() == 0; }));
  REQUIRE(eventually([&] { return stage.try_status()["ports"]["releases_owed"] == 0; }));
}

TEST_CASE("agent: what was deleted while it was away is in notes, and none of it is held") {
  AgentStage stage;
  stage.start_agent();
  std::vector<Json> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(stage.add("c" + std::to_string(i), "web-" + std::to_string(i)));
  }
  REQUIRE(stage.controller_ports() == 8);
  stage.kill_agent();
  const std::string folder = agent_api::notes_folder(stage.folder.path("state"));
  for (std::size_t i = 0; i < answers.size(); ++i) {  // as the plugin does
    const agent_api::Attachment attachment{"c" + std::to_string(i), "eth0"};
    std::ofstream(folder + "/" + agent_api::note_name(attachment)) << agent_api::write_note({attachment, "cni-del"});
    if (i < 4) {
      stage.remove_port(answers[i]);
    } else {  // Open vSwitch was away too
      stage.sandbox.run("ip link del " + answers[i]["host_interface"].get<std::string>());
    }
  }
  std::ofstream(folder + "/half.json.1") << "{";           // process 1 lives
  std::ofstream(folder + "/half.json.2147483647") << "{";  // nobody's
  std::ofstream(folder + "/bad.json") << "{";
  stage.start_agent();
  REQUIRE(eventually([&] { return stage.controller_ports() == 0; }));
  REQUIRE(eventually([&] {
    return stage.sandbox.vsctl("list-ports br-int").find("mo") == std::string::npos ||
           stage.sandbox.vsctl("--columns=name find Interface external_ids:mooring.generation!=0").empty();
  }));
  const auto status = stage.try_status();
  REQUIRE(status["ports"]["held"] == 0);
  REQUIRE(status["ports"]["releases_owed"] == 0);
  REQUIRE(status["ports"]["all"] == 0);
  REQUIRE(std::filesystem::exists(folder + "/half.json.1"));
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  REQUIRE(stage.add("c0", "web-0")["allocation"]["vni"] == 100);
}

TEST_CASE("agent: a container that is added again is not deleted by an old note") {
  AgentStage stage;
  stage.start_agent();
  const auto first = stage.add("c1", "web-0");
  stage.kill_agent();
  stage.remove_port(first);
  const agent_api::Attachment attachment{"c1", "eth0"};
  const std::string note = agent_api::notes_folder(stage.folder.path("state")) + "/" + agent_api::note_name(attachment);
  stage.start_agent();
  std::ofstream(note + ".new") << agent_api::write_note({attachment, "cni-del"});
  std::filesystem::rename(note + ".new", note);
  const auto again = stage.add("c1", "web-0");
  REQUIRE_FALSE(std::filesystem::exists(note));
  const auto passes = [&] { return stage.try_status()["counters"]["reconcile_passes_total"].get<int>(); };
  const int before = passes();
  REQUIRE(eventually([&] { return passes() > before + 1; }));
  REQUIRE(stage.check("c1", again["allocation"]).body["problems"].empty());
}

TEST_CASE("agent: without the controller an ADD fails with a way out and leaves nothing") {
  AgentStage stage;
  stage.start_agent();
  stage.controller.kill_now();
  const auto refused = stage.attach("c1", "web-0");
  REQUIRE(refused.status == 503);
  REQUIRE(refused.body["hint"].get<std::string>().find("mooring-controller") != std::string::npos);
  REQUIRE(stage.try_status()["ports"]["adds_in_flight"] == 1);  // its plugin takes back what it made
  AgentStage::must(stage.detach("c1"));
  REQUIRE(stage.try_status()["ports"]["adds_in_flight"] == 0);
  REQUIRE(stage.try_status()["ready"] == false);
}

TEST_CASE("agent: ports of an earlier boot are gone before the first ADD is served") {
  AgentStage stage;
  stage.start_agent();
  auto answer = stage.add("c1", "web-0");
  stage.kill_agent();
  const std::string name = answer["host_interface"];
  stage.sandbox.vsctl("set Interface " + name + " external_ids:mooring.boot=00000000-0000-0000-0000-000000000000");
  stage.sandbox.run("ip link del " + name);
  stage.start_agent();
  REQUIRE(stage.sandbox.vsctl("list-ports br-int").find(name) == std::string::npos);
  REQUIRE(eventually([&] { return stage.controller_ports() == 0; }));
  REQUIRE(stage.add("c2", "web-1")["allocation"]["vni"] == 100);
}

TEST_CASE("agent: what lost its link is given back, what is being added is not") {
  AgentStage stage;
  stage.start_agent();
  const auto answer = stage.add("c1", "web-0");
  // This process lives: its ADD of c2 is in flight for ever.
  AgentStage::must(stage.attach("c2", "web-1"));
  // This caller dies after its attach.
  stage.sandbox.run("curl -sf --unix-socket " + stage.socket_path() +
                    R"( -d '{"attachment":{"container_id":"c3","ifname":"eth0"},"netns":"/x","namespace":"shop",)"
                    R"("hostname":"web-2","wishes":{}}' http://agent/v1/attach)");
  REQUIRE(stage.controller_ports() == 3);
  const std::string name = answer["host_interface"];
  stage.sandbox.run("ip link del " + name);
  REQUIRE(eventually([&] { return stage.controller_ports() == 1; }, std::chrono::seconds(25)));
  REQUIRE(stage.sandbox.vsctl("list-ports br-int").find(name) == std::string::npos);
  const auto left = stage.call("GET", "/v1/ports").body["items"];
  REQUIRE(left.size() == 1);
  REQUIRE(left[0]["attachment"] == "c2/eth0");
}

TEST_CASE("agent: an address that moved away is shut both ways and hairpinned") {
  AgentStage stage;
  stage.start_agent();
  const auto answer = stage.add("c1", "web-0");
  const std::string in_port = "in_port=" + answer["ofport"].dump() + " ";
  auto client = stage.controller.client();
  const auto taken = ask(client, "POST", "/v1/ports:allocate", allocate_body("c9", "web-0", "h2"));
  AgentStage::must(taken);
  REQUIRE(taken.body["address"] == "10.0.0.2/24");
  REQUIRE(eventually([&] { return stage.flows("br-int", "10.0.0.2").empty(); }));
  REQUIRE(stage.flows("br-int", in_port).empty());
  REQUIRE(eventually([&] { return stage.flows("br-tun", "nw_dst=10.0.0.2").size() == 1; }));
  REQUIRE(stage.flows("br-tun", "table=11").size() >= 3);
  const auto gate = stage.call("GET", "/v1/ports").body["items"][0]["gate"].get<std::string>();
  REQUIRE(gate.find("moved to h2") != std::string::npos);
  REQUIRE(stage.confirm("c1", answer["allocation"]["generation"]).body["title"] == "superseded");
  // The late DEL of the former owner changes nothing.
  REQUIRE(stage.detach("c1").body["released"] == false);
  REQUIRE(stage.controller_ports("h2") == 1);
}

TEST_CASE("agent: a database that was made anew gets bridges and ports back") {
  AgentStage stage;
  stage.start_agent();
  const auto answer = stage.add("c1", "web-0");
  stage.sandbox.kill_ovsdb();
  const bool noticed = eventually([&] { return stage.try_status()["ovsdb"]["connected"] == false; });
  INFO(stage.log());
  REQUIRE(stage.death() == "");
  REQUIRE(noticed);
  stage.sandbox.run("rm -f " + stage.sandbox.directory() + "/conf.db " + stage.sandbox.directory() +
                    "/.conf.db.~lock~ && ovsdb-tool create " + stage.sandbox.directory() +
                    "/conf.db /usr/share/openvswitch/vswitch.ovsschema");
  stage.sandbox.start_ovsdb();
  stage.sandbox.vsctl("--no-wait init");
  const std::string name = answer["host_interface"];
  REQUIRE(eventually(
      [&] {
        return stage.try_status()["ready"] == true &&
               // Not by the bridge's name: it may not be there again yet.
               stage.sandbox.vsctl("--bare --columns=name find Port name=" + name).find(name) != std::string::npos;
      },
      std::chrono::seconds(20)));
  REQUIRE(eventually([&] { return stage.check("c1", answer["allocation"]).body["problems"].empty(); }));
  REQUIRE(stage.controller_ports() == 1);
}

TEST_CASE("agent: the underlay address survives a death in the middle of its move") {
  AgentStage stage;
  const auto whole = [&] {
    const auto phy = stage.sandbox.run("ip -4 -brief address show dev br-phy 2>/dev/null || true");
    const auto nic = stage.sandbox.run("ip -4 -brief address show dev eth0");
    const auto route = stage.sandbox.run("ip route show 198.51.100.0/24");
    return phy.find("172.31.0.1/24") != std::string::npos && nic.find("172.31") == std::string::npos &&
           route.find("via 172.31.0.254 dev br-phy") != std::string::npos;
  };
  stage.sandbox.run("ip route add 198.51.100.0/24 via 172.31.0.254 dev eth0");
  stage.start_agent();
  REQUIRE(whole());
  stage.kill_agent();
  SECTION("both have it") {
    stage.sandbox.run("ip address add 172.31.0.1/24 dev eth0");
  }
  SECTION("neither has it: vswitchd died with the bridge") {
    stage.sandbox.kill_vswitchd();
    stage.sandbox.start_vswitchd();
  }
  SECTION("the NIC has it again: as after a boot") {
    stage.sandbox.run(
        "ip address flush dev br-phy; ip address add 172.31.0.1/24 dev eth0;"
        " ip route add 198.51.100.0/24 via 172.31.0.254 dev eth0");
  }
  stage.start_agent();
  REQUIRE(eventually(whole));
}

TEST_CASE("agent: started before Open vSwitch, it waits for it") {
  AgentStage stage;
  stage.sandbox.kill_vswitchd();
  stage.sandbox.kill_ovsdb();
  stage.start_agent(false);
  REQUIRE(stage.try_status()["ready"] == false);
  stage.sandbox.start_ovsdb();
  stage.sandbox.start_vswitchd();
  REQUIRE(eventually([&] { return stage.try_status()["ready"] == true; }));
  REQUIRE(stage.add("c1", "web-0")["allocation"]["address"] == "10.0.0.2/24");
}
