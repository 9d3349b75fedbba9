// Who keeps the back ends of VIPs: which pods they are, which of them are healthy, and since when.
#include <map>
#include <memory>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "fakes/controller_engine.hpp"
#include "ipam-controller/api/vip_keeper.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;
using namespace std::chrono_literals;

namespace {

using BackEnds = std::map<std::string, std::string>;  // pod -> "healthy", or why it is not

// A keeper whose clock the test sets, of the VIP shop (10.0.0.80, all pods web-*).
class VipShop {
 public:
  explicit VipShop(HealthCheck::Kind kind = HealthCheck::Kind::tcp) {
    Vip vip;
    vip.name = "shop";
    vip.address = any("10.0.0.80");
    vip.ports = {parse_vip_port("tcp:80:8080").value()};
    vip.selector.hostnames = {"web-*"};
    vip.check.kind = kind;
    engine.create(vip).value();
    begin();
  }
  ~VipShop() { keeper->stop(); }
  VipShop(const VipShop&) = delete;
  VipShop& operator=(const VipShop&) = delete;

  // As a controller that has just been started.
  void begin() {
    keeper = std::make_unique<VipKeeper>(io.get_executor(), engine.ipam, [this] { return now; });
  }
  // A pod that runs; its container has its name.
  std::string pod(const std::string& node, const std::string& name) {
    const auto given = engine.allocate(Ask(node, name, name)).value();
    engine.confirm(node, name, given.generation).value();
    return given.address.address.str();
  }
  void heard(const std::string& node, const std::string& address, bool healthy, const std::string& why = "") {
    keeper->heard(node, {{"shop", any(address), healthy, why}});
  }
  void heard(const std::string& node) { keeper->heard(node, {}); }
  void later(std::chrono::milliseconds by) {
    now += by;
    keeper->tick();
  }
  Vip vip() {
    memory.loop.run_ready();
    return engine.read([](const State& state) { return *state.vip("shop"); });
  }
  BackEnds backends() {
    BackEnds shown;
    for (const VipBackend& backend : vip().backends) {
      shown[backend.pod] = backend.healthy ? "healthy" + backend.why : backend.why;
    }
    return shown;
  }
  Revision since(const std::string& pod) {
    for (const VipBackend& backend : vip().backends) {
      if (backend.pod == pod) {
        return backend.since;
      }
    }
    return 0;
  }

  MemoryEngine memory;
  Engine& engine = memory.engine.usual();
  VipKeeper::Clock::time_point now{1h};
  boost::asio::io_context io;  // is not run: the test calls tick()
  std::unique_ptr<VipKeeper> keeper;
};

}  // namespace

TEST_CASE("a back end is healthy when its node says so, and older than those that became so later") {
  VipShop shop;
  const auto web0 = shop.pod("h1", "web-0");
  const auto web1 = shop.pod("h2", "web-1");
  shop.pod("h1", "db-0");
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "not checked yet"}, {"shop/web-1", "not checked yet"}});
  shop.heard("h1", web0, true);
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}, {"shop/web-1", "not checked yet"}});
  shop.heard("h2", web1, true);
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}, {"shop/web-1", "healthy"}});
  CHECK(shop.since("shop/web-0") < shop.since("shop/web-1"));
  const Revision before = shop.vip().revision;
  shop.heard("h1", web0, true);
  CHECK(shop.vip().revision == before);  // nothing new
  shop.heard("h1", web0, false, "connecting: Connection refused");
  CHECK(shop.backends()["shop/web-0"] == "connecting: Connection refused");
  shop.heard("h1", web0, true);
  CHECK(shop.since("shop/web-0") > shop.since("shop/web-1"));
  shop.engine.del("h2", "web-1");
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});
}

TEST_CASE("a node speaks of its own back ends alone") {
  VipShop shop;
  const auto web0 = shop.pod("h1", "web-0");
  shop.heard("h2", web0, true);
  CHECK(shop.backends()["shop/web-0"] == "not checked yet");
  shop.heard("h1", web0, true);
  shop.heard("h2", web0, false, "connecting: No route to host");
  shop.keeper->heard("h1", {{"shoe", any(web0), false, "there is no such VIP"}});
  shop.later(6s);  // what was stored before counts no more
  shop.heard("h1");
  CHECK(shop.backends()["shop/web-0"] == "healthy");
}

TEST_CASE("a node that falls silent takes its back ends along, and brings them back") {
  VipShop shop;
  const auto web0 = shop.pod("h1", "web-0");
  const auto web1 = shop.pod("h2", "web-1");
  shop.heard("h1", web0, true);
  shop.heard("h2", web1, true);
  shop.later(2000ms);
  shop.heard("h2");
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}, {"shop/web-1", "healthy"}});
  shop.later(300ms);
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "node h1 is silent"}, {"shop/web-1", "healthy"}});
  shop.heard("h1");  // its verdict is still the one that it gave
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}, {"shop/web-1", "healthy"}});
  CHECK(shop.since("shop/web-0") > shop.since("shop/web-1"));
}

TEST_CASE("after a controller's start what was stored holds for five seconds, then what was heard") {
  VipShop shop;
  const auto web0 = shop.pod("h1", "web-0");
  shop.heard("h1", web0, true);
  shop.heard("h2", shop.pod("h2", "web-1"), true);
  shop.heard("h3", shop.pod("h3", "web-2"), true);
  const Revision since = shop.since("shop/web-0");
  shop.begin();
  const BackEnds all{{"shop/web-0", "healthy"}, {"shop/web-1", "healthy"}, {"shop/web-2", "healthy"}};
  CHECK(shop.backends() == all);
  shop.later(4900ms);
  shop.heard("h1", web0, true);
  shop.heard("h3");
  CHECK(shop.backends() == all);
  shop.later(200ms);
  CHECK(shop.backends() ==
        BackEnds{{"shop/web-0", "healthy"}, {"shop/web-1", "node h2 is silent"}, {"shop/web-2", "not checked yet"}});
  CHECK(shop.since("shop/web-0") == since);  // it has not become healthy: it is
}

TEST_CASE("without a check a back end is healthy while its node is heard") {
  VipShop shop(HealthCheck::Kind::none);
  shop.pod("h1", "web-0");
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});
  shop.later(6s);
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "node h1 is silent"}});
  shop.heard("h1");
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});
}

TEST_CASE("listed addresses are back ends while pods have them, in an isolated network those of the VIP's subnet") {
  VipShop shop(HealthCheck::Kind::none);
  shop.engine.subnet("green", "10.0.1.0/24", 101).value();
  shop.engine.pool("green", "green", {"10.0.1.10-10.0.1.19"}).value();
  shop.pod("h1", "web-0");
  const auto db = shop.engine.allocate(Ask("h2", "db-0", "db-0").subnet("green")).value();
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});
  Vip vip = shop.vip();
  vip.listed = {range("10.0.1.10-10.0.1.19")};
  shop.engine.put(vip).value();
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});  // the ADD is not done
  shop.engine.confirm("h2", "db-0", db.generation).value();
  CHECK(shop.backends() == BackEnds{{"shop/db-0", "healthy"}, {"shop/web-0", "healthy"}});
  shop.engine.put(Network{default_network, true, 0}).value();
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});
  shop.engine.put(Network{default_network, false, 0}).value();
  CHECK(shop.backends().size() == 2);
  shop.engine.del("h2", "db-0");
  CHECK(shop.backends() == BackEnds{{"shop/web-0", "healthy"}});
}

TEST_CASE("what could not be stored is stored later") {
  VipShop shop;
  const auto web0 = shop.pod("h1", "web-0");
  shop.backends();
  shop.memory.disk.fail_with(Error(Errc::storage, "full", "make space"));
  shop.heard("h1", web0, true);
  CHECK(shop.backends()["shop/web-0"] == "not checked yet");
  shop.memory.disk.fail_with(std::nullopt);
  shop.later(200ms);
  CHECK(shop.backends()["shop/web-0"] == "healthy");
}
