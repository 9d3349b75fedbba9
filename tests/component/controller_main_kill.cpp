// kill -9 of the controller between any two requests loses no acknowledged allocation, gives no address twice, and
// brings nothing back that was acknowledged as released.
#include <map>
#include <random>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"
#include "support/watch_reader.hpp"

using namespace mooring;
using namespace mooring::tests;

namespace {

// One container runtime that keeps a few hostnames coming and going, and remembers what it was told.
class Runtime {
 public:
  struct Held {
    std::string container;
    std::string address;
    std::uint64_t generation = 0;
  };

  Runtime(int number, unsigned seed) : name_("r" + std::to_string(number)), random_(seed) {}

  // Until the controller is gone.
  void work(const ControllerProcess& controller) {
    auto client = controller.client();
    while (step(client)) {
    }
  }

  // The request that was under way when the controller died is asked again, as a kubelet would: now it must come true.
  void settle(http::BlockingClient& client) {
    if (in_flight_) {
      const bool settled = step(client);
      REQUIRE(settled);
    }
  }

  void expect(const std::map<std::string, Json>& ports) const {
    for (const auto& [hostname, held] : live_) {
      INFO(hostname << " " << held.container << " " << held.address << " generation " << held.generation);
      const auto port = ports.find(hostname);
      REQUIRE(port != ports.end());
      CHECK(port->second["address"] == held.address);
      CHECK(port->second["generation"] == held.generation);
      CHECK(port->second["attachment"] == held.container + "/eth0");
    }
    for (const std::string& hostname : gone_) {
      INFO(hostname);
      CHECK(ports.count(hostname) == 0);
    }
  }

  std::size_t acknowledged() const { return acknowledged_; }
  const std::map<std::string, Held>& live() const { return live_; }

 private:
  // One request; false: nobody answered.
  bool step(http::BlockingClient& client) {
    if (!in_flight_) {
      hostname_ = name_ + "-" + std::to_string(random_() % 12);
      in_flight_ = true;
      releasing_ = live_.count(hostname_) != 0;
      container_ = releasing_ ? live_[hostname_].container : hostname_ + "-" + std::to_string(++containers_);
      live_.erase(hostname_);  // until we are told, nothing is certain
      gone_.erase(hostname_);
    }
    const Json attachment = {{"container_id", container_}, {"ifname", "eth0"}};
    const Json body = releasing_ ? Json{{"node", "h1"}, {"attachment", attachment}, {"reason", "cni-del"}}
                                 : Json{{"node", "h1"},
                                        {"attachment", attachment},
                                        {"namespace", "shop"},
                                        {"hostname", hostname_},
                                        {"pod_uid", container_},
                                        {"wishes", {{"kind", hostname_.back() % 2 == 0 ? "stateful" : "stateless"}}}};
    const auto answer = try_ask(client, "POST", releasing_ ? "/v1/ports:release" : "/v1/ports:allocate", body.dump());
    if (!answer) {
      return false;
    }
    in_flight_ = false;
    if (answer->status != 200) {
      throw std::runtime_error(answer->response.body);
    }
    ++acknowledged_;
    if (releasing_) {
      gone_.insert(hostname_);
      return true;
    }
    const std::string address = answer->body["address"];
    live_[hostname_] = {container_, address.substr(0, address.find('/')), answer->body["generation"]};
    if (answer->body["kind"] == "stateful") {
      const auto [bound, first] = bound_.emplace(hostname_, live_[hostname_].address);
      if (bound->second != live_[hostname_].address) {
        throw std::runtime_error(hostname_ + " had " + bound->second + " and was given " + live_[hostname_].address);
      }
    }
    return true;
  }

  std::string name_;
  std::minstd_rand random_;
  int containers_ = 0;
  std::map<std::string, Held> live_;          // acknowledged, and not released since
  std::set<std::string> gone_;                // the release was acknowledged
  std::map<std::string, std::string> bound_;  // stateful: the address for ever
  std::string hostname_, container_;
  bool in_flight_ = false, releasing_ = false;
  std::size_t acknowledged_ = 0;
};

std::map<std::string, Json> ports_by_hostname(http::BlockingClient& client) {
  std::map<std::string, Json> ports;
  std::set<std::string> addresses;
  std::set<std::uint64_t> generations;
  const JsonAnswer listed = ask(client, "GET", "/v1/ports");
  for (const Json& port : listed.body["items"]) {
    CHECK(addresses.insert(port["address"].get<std::string>()).second);
    CHECK(generations.insert(port["generation"].get<std::uint64_t>()).second);
    ports[port["hostname"]] = port;
  }
  return ports;
}

void kill_rounds(int rounds, unsigned seed) {
  constexpr int runtimes = 6;
  ControllerProcess controller({"--heartbeat-seconds", "1"});
  controller.start();
  {
    auto client = controller.client();
    make_small_world(client);
  }
  std::vector<Runtime> all;
  for (int i = 0; i < runtimes; ++i) {
    all.emplace_back(i, seed + static_cast<unsigned>(i));
  }
  WatchReader reader(controller.client());
  REQUIRE(reader.open(ipam_api::Role::observer, "") == 200);
  REQUIRE(reader.read_heartbeat());

  std::minstd_rand random(seed);
  std::size_t acknowledged = 0;
  for (int round = 0; round < rounds; ++round) {
    INFO("round " << round << " seed " << seed);
    std::vector<std::string> failures(runtimes);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < runtimes; ++i) {
      threads.emplace_back([&, i] {
        try {
          all[i].work(controller);
        } catch (const std::exception& failure) {
          failures[i] = failure.what();
        }
      });
    }
    // The moment of the kill is what is tested: any will do.
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 200));
    controller.kill_now();
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (const std::string& failure : failures) {
      CHECK(failure == "");
    }
    controller.start();
    auto client = controller.client();
    std::map<std::string, Json> ports = ports_by_hostname(client);
    for (const Runtime& runtime : all) {
      runtime.expect(ports);
    }
    for (Runtime& runtime : all) {
      runtime.settle(client);
    }
    ports = ports_by_hostname(client);
    std::size_t live = 0;
    std::size_t total = 0;
    for (const Runtime& runtime : all) {
      runtime.expect(ports);
      live += runtime.live().size();
      total += runtime.acknowledged();
    }
    CHECK(ports.size() == live);  // and nothing that nobody asked for
    CHECK(total > acknowledged);
    acknowledged = total;

    // A reader of the stream that was there before the kill goes on where it stood.
    const ipam_api::Revision revision = ask(client, "GET", "/v1/version").body["revision"];
    REQUIRE(reader.resume(ipam_api::Role::observer, "") == 200);
    CHECK(reader.hello().resume);
    REQUIRE(reader.read_heartbeat(revision));
    std::size_t seen = 0;
    for (const auto& [name, entry] : reader.entries()) {
      seen += entry.kind == "port" ? 1U : 0U;
    }
    CHECK(seen == live);
  }
  WARN(acknowledged << " acknowledged requests, " << rounds << " kills, nothing lost");
}

}  // namespace

TEST_CASE("main: kill -9 between any two requests loses no acknowledged allocation") {
  kill_rounds(4, std::random_device()());
}

TEST_CASE("main: kill -9 between any two requests, for long", "[full]") {
  kill_rounds(150, std::random_device()());
}
