// Feeds of lists from a real controller: entity tags, waiting, many who wait, kill -9 meanwhile, who may ask.
#include <filesystem>
#include <future>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>

#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::tests;
using Catch::Contains;

namespace {

http::Response feed_of(http::BlockingClient& client, const std::string& target, const std::string& etag = "") {
  http::Headers headers;
  if (!etag.empty()) {
    headers.emplace_back("If-None-Match", etag);
  }
  return client.request("GET", "/v1/lists/" + target, "", http::after(std::chrono::seconds(30)), headers).value();
}

std::string tag_of(const http::Response& response) {
  return std::string(response.header("etag"));
}

void must(const JsonAnswer& answer) {
  if (answer.status >= 300) {
    throw std::runtime_error(answer.response.body);
  }
}

// Lists `web` (hostnames web-*), `db` (db-*).
void make_lists(http::BlockingClient& client) {
  for (const char* name : {"web", "db"}) {
    must(ask(client, "POST", "/v1/lists", {{"name", name}, {"selector", {{"hostnames", {std::string(name) + "-*"}}}}}));
  }
}

void allocate(http::BlockingClient& client, const std::string& hostname) {
  must(ask(client, "POST", "/v1/ports:allocate", allocate_body("c-" + hostname, hostname)));
}

std::future<http::Response> waiting_for(const ControllerProcess& controller, std::string target, std::string etag) {
  return std::async(std::launch::async, [&controller, target = std::move(target), etag = std::move(etag)] {
    auto client = controller.client();
    return feed_of(client, target, etag);
  });
}

// One of many: a socket with a request on its way, and no thread.
class RawPoller {
 public:
  RawPoller(const std::string& path, const std::string& target, const std::string& etag) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::string request = "GET " + target + " HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + etag + "\r\n\r\n";
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      throw std::runtime_error("a poller could not ask");
    }
  }
  RawPoller(RawPoller&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawPoller(const RawPoller&) = delete;
  RawPoller& operator=(const RawPoller&) = delete;
  ~RawPoller() {
    if (socket_ >= 0) {
      ::close(socket_);
    }
  }
  // The head of the answer, once it is there.
  std::string answer() {
    char bytes[1024];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    return got <= 0 ? std::string("nothing") : std::string(bytes, static_cast<std::size_t>(got));
  }
  std::size_t threads_of_peer() const {
    ucred peer{};
    socklen_t size = sizeof peer;
    REQUIRE(::getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0);
    const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(peer.pid) + "/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
  }
  bool answered() const {
    char byte = 0;
    return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }

 private:
  int socket_;
};

}  // namespace

TEST_CASE("feeds: a version that stays while the addresses do, over a restart too") {
  ControllerProcess controller;
  controller.start();
  std::string plain_tag, json_tag;
  {
    auto client = controller.client();
    make_small_world(client);
    make_lists(client);
    const http::Response empty = feed_of(client, "web/feed?format=plain");
    CHECK(empty.status == 200);
    CHECK(empty.body.empty());
    CHECK(empty.content_type == "text/plain; charset=utf-8");
    CHECK(feed_of(client, "web/feed?format=plain", tag_of(empty)).status == 304);
    allocate(client, "web-0");
    allocate(client, "web-1");
    allocate(client, "db-0");
    const http::Response two = feed_of(client, "web/feed?format=plain", tag_of(empty));
    CHECK(two.status == 200);
    CHECK(two.body == "10.0.0.2/31\n");
    const http::Response json = feed_of(client, "web/feed");
    const Json body = Json::parse(json.body);
    CHECK(body.at("cidrs") == Json{"10.0.0.2/31"});
    CHECK(body.at("members").at(1).at("hostname") == "web-1");
    CHECK("\"" + body.at("version").get<std::string>() + "\"" == tag_of(two));
    CHECK(feed_of(client, "web/feed?format=haproxy", "\"x\", W/" + tag_of(two)).status == 304);
    plain_tag = tag_of(two);
    json_tag = tag_of(json);

    for (const auto& [target, says] :
         {std::pair("web/feed?format=xml", "'xml'"), std::pair("web/feed?wait_seconds=61", "'61'"),
          std::pair("web/feed?since=1", "'since'"), std::pair("web/feed?table=x", "'x'")}) {
      INFO(target);
      const http::Response bad = feed_of(client, target);
      CHECK(bad.status == 400);
      CHECK_THAT(bad.body, Contains(says));
    }
    CHECK(feed_of(client, "nobody/feed").status == 404);
  }
  controller.kill_now();
  controller.start();
  auto client = controller.client();
  CHECK(feed_of(client, "web/feed?format=plain", plain_tag).status == 304);
  CHECK(feed_of(client, "web/feed", json_tag).status == 304);
}

TEST_CASE("feeds: who waits is answered when the list is another one, and not when another list is") {
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  make_lists(client);
  const std::string web = tag_of(feed_of(client, "web/feed?format=plain"));
  const std::string db = tag_of(feed_of(client, "db/feed?format=plain"));
  auto of_web = waiting_for(controller, "web/feed?format=plain&wait_seconds=20", web);
  auto of_db = waiting_for(controller, "db/feed?format=plain&wait_seconds=2", db);
  allocate(client, "web-0");
  const http::Response came = of_web.get();
  CHECK(came.status == 200);
  CHECK(came.body == "10.0.0.2/32\n");
  const http::Response nothing = of_db.get();
  CHECK(nothing.status == 304);
  CHECK(tag_of(nothing) == db);
  CHECK(nothing.body.empty());

  // A pod that goes and leaves its address bound is another member in JSON, and the same address.
  Json stateful = allocate_body("c-s", "web-1");
  stateful["wishes"] = {{"kind", "stateful"}};
  must(ask(client, "POST", "/v1/ports:allocate", stateful));
  const http::Response plain = feed_of(client, "web/feed?format=plain");
  const http::Response json = feed_of(client, "web/feed");
  auto of_json = waiting_for(controller, "web/feed?wait_seconds=20", tag_of(json));
  must(ask(client, "POST", "/v1/ports:release",
           {{"node", "h1"}, {"attachment", {{"container_id", "c-s"}, {"ifname", "eth0"}}}, {"reason", "cni-del"}}));
  CHECK(Json::parse(of_json.get().body).at("members").at(1).at("live") == false);
  CHECK(feed_of(client, "web/feed?format=plain", tag_of(plain)).status == 304);

  // A list that is deleted answers too; so does a controller that ends.
  auto of_deleted = waiting_for(controller, "web/feed?format=plain&wait_seconds=20", tag_of(plain));
  auto of_ended = waiting_for(controller, "db/feed?format=plain&wait_seconds=20", db);
  must(ask(client, "DELETE", "/v1/lists/web"));
  CHECK(of_deleted.get().status == 404);
  CHECK(controller.terminate() == 0);
  const http::Response ended = of_ended.get();
  CHECK(ended.status == 304);
}

TEST_CASE("feeds: kill -9 while somebody waits; the next controller knows the same version") {
  ControllerProcess controller;
  controller.start();
  std::string tag;
  {
    auto client = controller.client();
    make_small_world(client);
    make_lists(client);
    allocate(client, "web-0");
    tag = tag_of(feed_of(client, "web/feed?format=plain"));
  }
  RawPoller poller(controller.socket_path(), "/v1/lists/web/feed?format=plain&wait_seconds=30", tag);
  controller.kill_now();
  CHECK(poller.answer() == "nothing");
  controller.start();
  auto again = waiting_for(controller, "web/feed?format=plain&wait_seconds=20", tag);
  auto client = controller.client();
  allocate(client, "web-1");
  CHECK(again.get().body == "10.0.0.2/31\n");
}

TEST_CASE("feeds: 2,000 wait, and all are answered by one allocation") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  ControllerProcess controller;
  controller.start();
  auto client = controller.client();
  make_small_world(client);
  make_lists(client);
  const std::string web = tag_of(feed_of(client, "web/feed?format=plain"));
  const std::string db = tag_of(feed_of(client, "db/feed?format=plain"));
  std::vector<RawPoller> pollers, others;
  for (int i = 0; i < 2000; ++i) {
    pollers.emplace_back(controller.socket_path(), "/v1/lists/web/feed?format=plain&wait_seconds=60", web);
    if (i % 20 == 0) {
      others.emplace_back(controller.socket_path(), "/v1/lists/db/feed?format=plain&wait_seconds=60", db);
    }
  }
  CHECK(eventually([&] {
    const std::string metrics = ask(client, "GET", "/metrics").response.body;
    const std::string mark = "\nmooring_http_connections ";
    return std::stoul(metrics.substr(metrics.find(mark) + mark.size())) >= pollers.size() + others.size();
  }));
  CHECK(std::none_of(pollers.begin(), pollers.end(), [](const RawPoller& poller) { return poller.answered(); }));
  allocate(client, "web-0");
  std::size_t right = 0;
  for (RawPoller& poller : pollers) {
    const std::string answer = poller.answer();
    right += answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n10.0.0.2/32\n") ? 1U : 0U;
  }
  CHECK(right == pollers.size());
  CHECK(std::none_of(others.begin(), others.end(), [](const RawPoller& other) { return other.answered(); }));
  // No thread came with any of them: its own, and the store's.
  CHECK(pollers.front().threads_of_peer() <= 4);
}

TEST_CASE("feeds: a feed token opens feeds and nothing else") {
  ControllerProcess controller;
  for (const std::string& option :
       {std::string("--listen-tcp"), std::string("127.0.0.1:0"), std::string("--feed-token-file"),
        controller.folder().file("f", "feed-token\n", 0600), std::string("--node-token-file"),
        controller.folder().file("n", "node-token\n", 0600)}) {
    controller.add_option(option);
  }
  controller.start();
  auto admin = controller.client();
  make_small_world(admin);
  make_lists(admin);
  auto follower = controller.tcp_client("feed-token");
  CHECK(feed_of(follower, "web/feed").status == 200);
  CHECK(ask(follower, "GET", "/v1/lists/web").status == 403);
  CHECK(ask(follower, "GET", "/metrics").status == 403);
  const JsonAnswer refused = ask(follower, "POST", "/v1/ports:allocate", allocate_body("c1", "web-0"));
  CHECK(refused.status == 403);
  CHECK_THAT(refused.response.body, Contains("needs the node token") && Contains("a feed token is for feeds alone"));
  auto node = controller.tcp_client("node-token");
  CHECK(feed_of(node, "web/feed").status == 200);
  auto nobody = controller.tcp_client("");
  CHECK(feed_of(nobody, "web/feed").status == 401);

  ControllerProcess same;
  for (const std::string& option : {std::string("--feed-token-file"), same.folder().file("f", "one\n", 0600),
                                    std::string("--admin-token-file"), same.folder().file("a", "one\n", 0600)}) {
    same.add_option(option);
  }
  CHECK(same.start_and_wait() == 2);
  CHECK_THAT(same.log(), Contains("options --feed-token-file and --admin-token-file hold the same token"));
}
