// The watch client against a real HTTP server: registration, snapshot, resume, faults.
#include <chrono>
#include <filesystem>
#include <optional>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "fakes/watch_server.hpp"
#include "mooring/directory/watch_client.hpp"

using namespace mooring;
using namespace std::chrono_literals;
using fakes::WatchServer;
using fakes::WatchSource;

namespace {

class Stage {
 public:
  Stage() {
    settings.name = "h1";
    settings.registration.machine_id = "machine-1";
    settings.registration.vtep = net::Ipv4Address::parse("172.31.0.1").value();
    settings.registration.version = "0.1.0";
    settings.controller = http::Endpoint::parse(server.endpoint()).value();
    callbacks.changed = [this](const directory::Changes& changes) { changed_ports += changes.ports.size(); };
    callbacks.refused = [this](const Error& error) { refusals.push_back(error.text()); };
    callbacks.connected = [this](bool now) { connections.push_back(now); };
    callbacks.answer = [](std::string question,
                          ipam_api::Json arguments) -> boost::asio::awaitable<Result<ipam_api::Json>> {
      ipam_api::Json answer = {{"question", question}, {"arguments", arguments}};
      co_return answer;
    };
  }
  ~Stage() {
    if (client) {
      client->stop();
      io.restart();
      io.run_for(1s);
    }
    std::filesystem::remove_all(folder);
  }

  void start() {
    client.emplace(io.get_executor(), replica, settings, callbacks);
    boost::asio::co_spawn(io, client->run(), boost::asio::detached);
  }
  bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      io.restart();
      io.run_for(5ms);
    }
    return true;
  }

  std::string folder = make_folder();
  WatchServer server{folder + "/controller.sock"};
  boost::asio::io_context io{1};
  directory::Directory replica{"h1"};
  directory::WatchClientSettings settings;
  directory::WatchClientCallbacks callbacks;
  std::optional<directory::WatchClient> client;
  std::size_t changed_ports = 0;
  std::vector<std::string> refusals;
  std::vector<bool> connections;

 private:
  static std::string make_folder() {
    std::string name = "/tmp/mooring-watch-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    return name;
  }
};

}  // namespace

TEST_CASE("a client registers, takes the snapshot and follows changes") {
  Stage stage;
  stage.server.commit({WatchSource::port(100, "10.0.0.5", "h2", 0)});
  stage.start();
  REQUIRE(stage.eventually([&] { return stage.replica.complete(); }));
  CHECK(stage.replica.port_count() == 1);
  CHECK(stage.client->status().registered);
  CHECK(stage.client->status().connected);
  CHECK(stage.connections == std::vector<bool>{true});
  const auto requests = stage.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].rfind("PUT /v1/nodes/h1 {", 0) == 0);
  CHECK(requests[0].find("172.31.0.1") != std::string::npos);

  stage.server.commit({WatchSource::port(100, "10.0.0.6", "h2", 0)});
  REQUIRE(stage.eventually([&] { return stage.replica.port_count() == 2; }));
  CHECK(stage.changed_ports == 2);
}

TEST_CASE("a controller that is away and comes back is resumed from") {
  Stage stage;
  stage.server.commit({WatchSource::port(100, "10.0.0.5", "h2", 0)});
  stage.start();
  REQUIRE(stage.eventually([&] { return stage.replica.complete(); }));
  stage.server.stop();
  REQUIRE(stage.eventually([&] { return !stage.client->status().connected; }));
  CHECK(stage.replica.port_count() == 1);
  CHECK_FALSE(stage.client->status().last_error.empty());
  stage.server.start();
  stage.server.commit({WatchSource::port(100, "10.0.0.6", "h2", 0)});
  REQUIRE(stage.eventually([&] { return stage.replica.port_count() == 2; }));
  CHECK(stage.client->status().counters.resumed == 1);
  CHECK(stage.client->status().last_error.empty());
  CHECK(stage.connections == std::vector<bool>{true, false, true});
}

TEST_CASE("who was busy for three heartbeats reads what came meanwhile, and keeps its stream") {
  Stage stage;
  stage.server.promise_heartbeats(1);
  stage.server.commit({WatchSource::port(100, "10.0.0.5", "h2", 0)});
  bool busy = true;
  stage.callbacks.changed = [&](const directory::Changes&) {
    const auto until = std::chrono::steady_clock::now() + 3100ms;
    while (busy && std::chrono::steady_clock::now() < until) {
    }
    busy = false;
  };
  stage.start();
  REQUIRE(stage.eventually([&] { return stage.replica.complete(); }));
  stage.server.commit({WatchSource::port(100, "10.0.0.6", "h2", 0)});
  REQUIRE(stage.eventually([&] { return stage.replica.port_count() == 2; }));
  CHECK(stage.client->status().counters.silences == 0);
  CHECK(stage.client->status().counters.streams == 1);
}

TEST_CASE("drift and another incarnation end in the controller's state") {
  Stage stage;
  stage.server.commit({WatchSource::port(100, "10.0.0.5", "h2", 0)});
  stage.start();
  REQUIRE(stage.eventually([&] { return stage.replica.complete(); }));
  stage.server.tamper({WatchSource::port(100, "10.0.0.7", "h2", 0)});
  REQUIRE(stage.eventually([&] { return stage.replica.port_count() == 2; }));
  CHECK(stage.client->status().counters.drifts == 1);
  stage.server.restore("inc-2");
  REQUIRE(stage.eventually([&] { return stage.replica.incarnation() == "inc-2" && stage.replica.complete(); }));
  CHECK(stage.replica.port_count() == 2);
}

TEST_CASE("a refused registration is told once, tried again, and opens no stream") {
  Stage stage;
  stage.server.refuse(Error(Errc::conflict, "registering h1: machine-2 has that name", "use another name"));
  stage.start();
  REQUIRE(stage.eventually([&] { return stage.server.requests().size() >= 3; }));
  CHECK(stage.refusals.size() == 1);
  CHECK(stage.refusals[0].find("machine-2 has that name") != std::string::npos);
  CHECK_FALSE(stage.client->status().registered);
  stage.server.refuse(std::nullopt);
  REQUIRE(stage.eventually([&] { return stage.replica.complete(); }));
}

TEST_CASE("a question is answered by POST") {
  Stage stage;
  stage.start();
  REQUIRE(stage.eventually([&] { return stage.replica.complete(); }));
  stage.server.say(R"({"type":"QUERY","id":"q7","question":"inventory","arguments":{"a":1}})");
  const std::string expected = R"(POST /v1/answers/q7 {"arguments":{"a":1},"question":"inventory"})";
  CHECK(stage.eventually([&] { return stage.server.requests().back() == expected; }));
}
