// The OVSDB replica and its transactions on a real ovsdb-server and ovs-vswitchd.
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include <catch2/catch.hpp>

#include "mooring/ovs/ovsdb.hpp"
#include "support/catch_result.hpp"
#include "support/ovs_sandbox.hpp"
#include "support/owner_loop.hpp"

using mooring::Errc;
using mooring::Result;
using mooring::tests::OvsSandbox;
using mooring::tests::OwnerLoop;
using namespace mooring::ovs;
using namespace std::chrono_literals;

namespace {

struct Stage {
  Stage() { initialise("mooring-tests"); }

  Result<void> commit(std::vector<OvsdbOperation> operations, bool wait = true,
                      std::chrono::milliseconds deadline = 10s) {
    std::optional<Result<void>> outcome;
    ovsdb.commit({"testing", std::move(operations), wait, deadline}, [&](Result<void> r) { outcome = r; });
    REQUIRE(loop.run_until([&] { return outcome.has_value(); }, deadline + 5s));
    return *outcome;
  }

  bool eventually(const std::function<bool(const OvsdbState&)>& condition, std::chrono::milliseconds limit = 10s) {
    return loop.run_until([&] { return seen && condition(*seen); }, limit);
  }

  OvsSandbox sandbox;
  OwnerLoop loop;
  std::shared_ptr<const OvsdbState> seen;
  Ovsdb ovsdb{sandbox.ovsdb(), loop.post(), [this](std::shared_ptr<const OvsdbState> state) { seen = state; }};
};

EnsureBridge bridge(const std::string& name) {
  EnsureBridge wanted;
  wanted.name = name;
  wanted.datapath_type = "netdev";
  wanted.fail_mode = "secure";
  wanted.protocols = {"OpenFlow13", "OpenFlow15"};
  return wanted;
}

AddPort port(const std::string& bridge, const std::string& name, const std::string& type, std::uint32_t ofport) {
  AddPort wanted;
  wanted.bridge = bridge;
  wanted.name = name;
  wanted.type = type;
  wanted.ofport_request = ofport;
  return wanted;
}

}  // namespace

TEST_CASE("bridges and ports come, are found again and go", "[ovs][ovsdb]") {
  Stage stage;
  AddPort patch = port("br-int", "patch-tun", "patch", 65000);
  patch.options = {{"peer", "patch-int"}};
  patch.external_ids = {{"mooring.pod", "default/db-0"}};
  AddPort host = port("br-int", "mooring0", "internal", 65001);
  host.mtu_request = 1450;
  host.mac = "0a:6d:6f:6f:72:01";
  // One transaction: the ports' bridge does not exist before it.
  AddPort peer = port("br-tun", "patch-int", "patch", 1);
  peer.options = {{"peer", "patch-tun"}};
  REQUIRE(stage.commit({bridge("br-int"), bridge("br-tun"), patch, peer, host}));

  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-int", "mooring0") != nullptr; }));
  const OvsdbState& state = *stage.seen;
  CHECK(state.connected);
  CHECK(state.datapath_types.contains("netdev"));
  CHECK_FALSE(state.database_id.empty());
  CHECK(state.cur_cfg == state.next_cfg);
  REQUIRE(state.bridge("br-int") != nullptr);
  CHECK(state.bridge("br-int")->datapath_type == "netdev");
  CHECK(state.bridge("br-int")->fail_mode == "secure");
  CHECK(state.bridge("br-int")->datapath_id.size() == 16);
  const OvsInterface* mooring0 = state.interface("br-int", "mooring0");
  CHECK(mooring0->ofport == 65001u);
  CHECK(mooring0->error.empty());
  const OvsInterface* patch_tun = state.interface("br-int", "patch-tun");
  REQUIRE(patch_tun != nullptr);
  CHECK(patch_tun->ofport == 65000u);
  CHECK(patch_tun->options.at("peer") == "patch-int");
  CHECK(patch_tun->external_ids.at("mooring.pod") == "default/db-0");
  CHECK_THAT(stage.sandbox.run("ip link show mooring0"), Catch::Contains("mtu 1450"));
  CHECK_THAT(stage.sandbox.vsctl("get bridge br-int protocols"), Catch::Contains("OpenFlow15"));

  // vswitchd tells the address a little later than the port.
  CHECK(stage.eventually(
      [](const OvsdbState& s) { return s.interface("br-int", "mooring0")->mac_in_use == "0a:6d:6f:6f:72:01"; }));

  // The same again is no change; an amendment is merged.
  patch.external_ids = {{"mooring.uid", "u1"}};
  REQUIRE(stage.commit({bridge("br-int"), patch, host}));
  REQUIRE(stage.eventually(
      [](const OvsdbState& s) { return s.interface("br-int", "patch-tun")->external_ids.contains("mooring.uid"); }));
  CHECK(stage.seen->interface("br-int", "patch-tun")->external_ids.contains("mooring.pod"));

  REQUIRE(stage.commit({DeletePort{"br-int", "mooring0"}, DeletePort{"br-int", "never-there"}}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-int", "mooring0") == nullptr; }));
  CHECK(stage.sandbox.space().try_run("ip link show mooring0").exit_code != 0);

  REQUIRE(stage.commit({DeleteBridge{"br-int"}, DeleteBridge{"br-tun"}}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.bridges.empty(); }));
}

TEST_CASE("a port can be replaced within one transaction", "[ovs][ovsdb]") {
  Stage stage;
  REQUIRE(stage.commit({bridge("br-int"), port("br-int", "p1", "internal", 5)}));
  REQUIRE(stage.commit({DeletePort{"br-int", "p1"}, port("br-int", "p1", "internal", 6)}));
  REQUIRE(stage.eventually([](const OvsdbState& s) {
    const OvsInterface* p1 = s.interface("br-int", "p1");
    return p1 != nullptr && p1->ofport == 6u;
  }));
}

TEST_CASE("a patch port may wait for its peer", "[ovs][ovsdb]") {
  Stage stage;
  AddPort patch = port("br-int", "patch-tun", "patch", 65000);
  patch.options = {{"peer", "patch-int"}};
  REQUIRE(stage.commit({bridge("br-int"), patch}));
  CHECK(stage.eventually([](const OvsdbState& s) {
    return s.interface("br-int", "patch-tun")->error.find("No usable peer 'patch-int'") != std::string::npos;
  }));
  CHECK(stage.seen->interface("br-int", "patch-tun")->ofport == 65000u);
  AddPort peer = port("br-tun", "patch-int", "patch", 1);
  peer.options = {{"peer", "patch-tun"}};
  REQUIRE(stage.commit({bridge("br-tun"), peer}));
  CHECK(stage.eventually([](const OvsdbState& s) { return s.interface("br-int", "patch-tun")->error.empty(); }));
}

TEST_CASE("what cannot be done is an error with its cause", "[ovs][ovsdb]") {
  Stage stage;
  REQUIRE(stage.commit({bridge("br-int"), bridge("br-tun"), port("br-int", "p1", "internal", 0)}));

  const auto no_bridge = stage.commit({port("br-nowhere", "p2", "internal", 0)});
  REQUIRE(no_bridge.has_error());
  CHECK(no_bridge.error().code() == Errc::not_found);
  CHECK_THAT(no_bridge.error().message(), Catch::StartsWith("testing in unix:") && Catch::Contains("br-nowhere"));

  const auto elsewhere = stage.commit({port("br-tun", "p1", "internal", 0)});
  REQUIRE(elsewhere.has_error());
  CHECK(elsewhere.error().code() == Errc::conflict);
  const auto not_there = stage.commit({DeletePort{"br-tun", "p1"}});
  REQUIRE(not_there.has_error());
  CHECK(not_there.error().code() == Errc::conflict);

  // A device that does not exist: OVSDB takes the row, vswitchd cannot open it.
  const auto no_device = stage.commit({port("br-int", "no-such-device", "", 0)});
  REQUIRE(no_device.has_error());
  CHECK(no_device.error().code() == Errc::io);
  CHECK_THAT(no_device.error().message(), Catch::Contains("no-such-device"));

  // Nothing of a transaction that fails is done.
  REQUIRE(stage.commit({port("br-int", "p3", "internal", 0), port("br-nowhere", "p4", "internal", 0)}).has_error());
  CHECK(stage.commit({SetOtherConfig{{{"marker", "1"}}}}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.other_config.contains("marker"); }));
  CHECK(stage.seen->interface("br-int", "p3") == nullptr);
}

TEST_CASE("other_config keys are set and removed, others stay", "[ovs][ovsdb]") {
  Stage stage;
  stage.sandbox.vsctl("set Open_vSwitch . other_config:foreign=yes");
  REQUIRE(stage.commit({SetOtherConfig{{{"flow-restore-wait", "true"}}}}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.other_config.contains("flow-restore-wait"); }));
  REQUIRE(stage.commit({SetOtherConfig{{{"flow-restore-wait", ""}}}}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return !s.other_config.contains("flow-restore-wait"); }));
  CHECK(stage.seen->other_config.at("foreign") == "yes");
}

TEST_CASE("many ports at once", "[ovs][ovsdb]") {
  Stage stage;
  std::vector<OvsdbOperation> operations{bridge("br-int")};
  for (std::uint32_t i = 1; i <= 50; ++i) {
    operations.push_back(port("br-int", "p" + std::to_string(i), "internal", i));
  }
  REQUIRE(stage.commit(operations));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-int", "p50") != nullptr; }));
  for (std::uint32_t i = 1; i <= 50; ++i) {
    CHECK(stage.seen->interface("br-int", "p" + std::to_string(i))->ofport == i);
  }
}

TEST_CASE("commits in flight do not wait for one another's vswitchd", "[ovs][ovsdb]") {
  Stage stage;
  REQUIRE(stage.commit({bridge("br-int")}));
  int done = 0;
  for (std::uint32_t i = 1; i <= 20; ++i) {
    stage.ovsdb.commit({"adding", {port("br-int", "p" + std::to_string(i), "internal", i)}, true, 10s},
                       [&](const Result<void>& r) {
                         CHECK(r);
                         ++done;
                       });
  }
  REQUIRE(stage.loop.run_until([&] { return done == 20; }));
}

TEST_CASE("the replica survives a restart of ovsdb-server", "[ovs][ovsdb]") {
  Stage stage;
  REQUIRE(stage.commit({bridge("br-int"), port("br-int", "p1", "internal", 5)}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-int", "p1") != nullptr; }));
  const std::string id = stage.seen->database_id;

  stage.sandbox.kill_ovsdb();
  REQUIRE(stage.eventually([](const OvsdbState& s) { return !s.connected; }));
  CHECK(stage.seen->interface("br-int", "p1") != nullptr);  // the last that was known

  const auto away = stage.commit({port("br-int", "p2", "internal", 0)}, true, 300ms);
  REQUIRE(away.has_error());
  CHECK(away.error().code() == Errc::unavailable);

  // One that is given while the server is away is done when it is back in time.
  std::optional<Result<void>> patient;
  stage.ovsdb.commit({"waiting", {port("br-int", "p3", "internal", 7)}, true, 20s},
                     [&](Result<void> r) { patient = r; });
  stage.sandbox.start_ovsdb();
  const auto back = std::chrono::steady_clock::now();
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.connected; }));
  CHECK(std::chrono::steady_clock::now() - back < 1s);
  REQUIRE(stage.loop.run_until([&] { return patient.has_value(); }, 20s));
  CHECK(*patient);
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-int", "p3") != nullptr; }));
  CHECK(stage.seen->database_id == id);
  CHECK(stage.seen->interface("br-int", "p1")->ofport == 5u);
  CHECK(stage.seen->interface("br-int", "p2") == nullptr);
}

TEST_CASE("changes by others are seen", "[ovs][ovsdb]") {
  Stage stage;
  stage.sandbox.vsctl(
      "add-br br-x -- set bridge br-x datapath_type=netdev -- add-port br-x q1 -- set interface q1 "
      "type=internal external_ids:mooring.attachment=c1/eth0");
  REQUIRE(stage.eventually([](const OvsdbState& s) {
    const OvsInterface* q1 = s.interface("br-x", "q1");
    return q1 != nullptr && q1->ofport && q1->external_ids.contains("mooring.attachment");
  }));
  const auto before = stage.seen;
  stage.sandbox.vsctl("add-port br-x q2 -- set interface q2 type=internal");
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-x", "q2") != nullptr; }));
  // A snapshot never changes, and unchanged interfaces are shared between snapshots.
  CHECK(before->interface("br-x", "q2") == nullptr);
  CHECK(before->interface("br-x", "q1") == stage.seen->interface("br-x", "q1"));
  stage.sandbox.vsctl("set interface q1 external_ids:mooring.attachment=c2/eth0");
  REQUIRE(stage.eventually([](const OvsdbState& s) {
    return s.interface("br-x", "q1")->external_ids.at("mooring.attachment") == "c2/eth0";
  }));
  // A port that goes to another bridge is there, and only there, although its interface's row is as it was.
  stage.sandbox.vsctl("add-br br-y -- set bridge br-y datapath_type=netdev");
  const std::string q2 = stage.sandbox.vsctl("get port q2 _uuid").substr(0, 36);  // without the line's end
  stage.sandbox.vsctl("remove bridge br-x ports " + q2 + " -- add bridge br-y ports " + q2);
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.interface("br-y", "q2") != nullptr; }));
  CHECK(stage.seen->interface("br-x", "q2") == nullptr);
  CHECK(stage.seen->interface("br-x", "q1") != nullptr);
}

TEST_CASE("a vswitchd that hangs leads to a deadline, and the port comes when it wakes", "[ovs][ovsdb]") {
  Stage stage;
  REQUIRE(stage.commit({bridge("br-int")}));
  stage.sandbox.pause_vswitchd();
  const auto start = std::chrono::steady_clock::now();
  const auto late = stage.commit({port("br-int", "p1", "internal", 5)}, true, 300ms);
  CHECK(std::chrono::steady_clock::now() - start < 2s);
  REQUIRE(late.has_error());
  CHECK(late.error().code() == Errc::timeout);
  CHECK(stage.commit({port("br-int", "p2", "internal", 6)}, false));
  stage.sandbox.resume_vswitchd();
  REQUIRE(stage.eventually([](const OvsdbState& s) {
    const OvsInterface* p1 = s.interface("br-int", "p1");
    const OvsInterface* p2 = s.interface("br-int", "p2");
    return p1 != nullptr && p2 != nullptr && p1->ofport == 5u && p2->ofport == 6u;
  }));
}

TEST_CASE("a database without its root row is initialised", "[ovs][ovsdb]") {
  Stage stage;
  stage.sandbox.vsctl("--no-wait emer-reset");
  stage.sandbox.run("ovsdb-client transact " + stage.sandbox.ovsdb() +
                    " '[\"Open_vSwitch\",{\"op\":\"delete\",\"table\":\"Open_vSwitch\",\"where\":[]}]'");
  REQUIRE(stage.commit({bridge("br-int")}));
  REQUIRE(stage.eventually([](const OvsdbState& s) { return s.bridge("br-int") != nullptr; }));
}

TEST_CASE("nothing is called back once the replica is gone", "[ovs][ovsdb]") {
  initialise("mooring-tests");
  OvsSandbox sandbox;
  OwnerLoop loop;
  int called = 0;
  {
    Ovsdb ovsdb(sandbox.ovsdb(), loop.post(), [&](const auto&) { ++called; });
    ovsdb.commit({"testing", {bridge("br-int")}, true, 5s}, [&](const auto&) { ++called; });
    // Let it post without running what is posted.
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (!ovsdb.state()->connected && std::chrono::steady_clock::now() < until) {
    }
    REQUIRE(ovsdb.state()->connected);
  }
  loop.run_for(50ms);
  CHECK(called == 0);
}
