// How a node looks after its back ends of VIPs: whom it asks, what it takes for an answer, and what it reports.
#include <deque>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "ovs-agent/app/vip_health.hpp"
#include "unit/agent_world.hpp"

using namespace mooring;
using namespace mooring::agent;
using namespace mooring::agent::test;
using asio::ip::tcp;
using ipam_api::Json;

namespace {

constexpr const char* fine = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// A back end: answers each request with the next of `answers`, the last one for ever; "" is silence.
class VipWeb {
 public:
  VipWeb(asio::io_context& io, const std::string& address)
      : acceptor_(io, tcp::endpoint(asio::ip::make_address(address), 0)) {
    accept();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close() { acceptor_.close(); }

  std::deque<std::string> answers{fine};
  std::string request;
  std::size_t requests = 0;

 private:
  struct Peer {
    explicit Peer(tcp::socket connected) : socket(std::move(connected)) {}
    tcp::socket socket;
    std::string text;
  };
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failure, tcp::socket socket) {
      if (!failure) {
        answer(std::make_shared<Peer>(std::move(socket)));
        accept();
      }
    });
  }
  void answer(const std::shared_ptr<Peer>& peer) {
    asio::async_read_until(peer->socket, asio::dynamic_buffer(peer->text), "\r\n\r\n",
                           [this, peer](const boost::system::error_code& failure, std::size_t) {
                             if (failure) {
                               return;  // a connection was all that it wanted
                             }
                             request = peer->text;
                             ++requests;
                             const auto text = std::make_shared<std::string>(answers.front());
                             if (answers.size() > 1) {
                               answers.pop_front();
                             }
                             if (text->empty()) {
                               silent_.push_back(peer);
                               return;
                             }
                             asio::async_write(peer->socket, asio::buffer(*text), [peer, text](auto, auto) {});
                           });
  }

  tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Peer>> silent_;
};

// Node h1, and what it tells of VIP shop.
class VipNode {
 public:
  explicit VipNode(const char* address = "127.0.0.5") : back_end(address) {
    world.begin();
    world.layout();
    world.end(60);
    asio::co_spawn(*io, health.run(), asio::detached);
  }
  ~VipNode() {
    web.reset();
    io.reset();  // the coroutines in it know the rest
  }
  VipNode(const VipNode&) = delete;
  VipNode& operator=(const VipNode&) = delete;

  void pod() {
    world.port(100, back_end, "h1", 41, "c1/eth0");
    state.ports.put(local_port("c1", 100, back_end, 41, 7));
  }
  void vip(const std::string& check) {
    const bool v6 = std::string_view(back_end).find(':') != std::string_view::npos;
    world.object("vip", "shop",
                 fmt::format(R"({{"network":"default","vni":100,"address":"{}","number":3,"ports":["tcp:80:8080"],)"
                             R"("backends":[{{"address":"{}","vni":100,"healthy":true,"since":5}}],"check":{}}})",
                             v6 ? "fd00::80" : "10.0.0.80", back_end, check)
                     .c_str());
  }
  std::string check(const char* kind, std::uint16_t port, unsigned failures = 2) const {
    return fmt::format(R"({{"kind":"{}","port":{},"path":"/healthz","interval_ms":10,"timeout_ms":300,"failures":{}}})",
                       kind, port, failures);
  }
  bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io->run_one_for(std::chrono::milliseconds(50));
    }
    return condition();
  }
  // What is said of the back end now: "healthy", why it is not, or "" for nothing.
  std::string said() const {
    if (reports.empty() || reports.back()["verdicts"].empty()) {
      return "";
    }
    const Json& verdict = reports.back()["verdicts"][0];
    const bool meant = reports.back()["node"] == "h1" && verdict["vip"] == "shop" && verdict["address"] == back_end;
    const auto why = verdict["why"].get<std::string>();
    return !meant ? verdict.dump() : verdict["healthy"] == true ? "healthy" + why : why;
  }

  const char* const back_end;
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
  NodeState state{io->get_executor(), "h1", "boot-1"};
  World world{state.directory};
  std::vector<Json> reports;
  std::optional<VipWeb> web{std::in_place, *io, back_end};
  VipHealth health{state, [this](Json report, Deadline) { return take(std::move(report)); }};

 private:
  asio::awaitable<Result<void>> take(Json report) {
    reports.push_back(std::move(report));
    co_return ok();
  }
};

}  // namespace

TEST_CASE("a back end that is asked by HTTP is judged by its status") {
  VipNode node;
  node.pod();
  node.vip(node.check("http", node.web->port()));
  REQUIRE(node.eventually([&] { return node.said() == "healthy"; }));
  CHECK(node.web->request == fmt::format("GET /healthz HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: mooring-agent\r\n"
                                         "Connection: close\r\n\r\n",
                                         node.back_end, node.web->port()));
  const std::vector<std::pair<const char*, const char*>> bad = {
      {"HTTP/1.1 500 Internal Server Error\r\n\r\n", "it answers 500"},
      {"HTTP/1.0 404 Not Found\r\n\r\n", "it answers 404"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP"},
      {"", "reading the answer: no answer in time"},
  };
  for (const auto& [answer, why] : bad) {
    INFO(why);
    node.web->answers = {answer};
    CHECK(node.eventually([&] { return node.said() == why; }));
    node.web->answers = {"HTTP/1.1 302 Found\r\n\r\n"};
    CHECK(node.eventually([&] { return node.said() == "healthy"; }));
  }
}

TEST_CASE("a back end of IPv6 is asked by IPv6") {
  VipNode node("::1");
  node.pod();
  node.vip(node.check("http", node.web->port()));
  REQUIRE(node.eventually([&] { return node.said() == "healthy"; }));
  CHECK(node.web->request.find(fmt::format("\r\nHost: [::1]:{}\r\n", node.web->port())) != std::string::npos);
}

TEST_CASE("only failures in a row take a back end out") {
  VipNode node;
  node.pod();
  const std::string ill = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
  node.web->answers = {fine, ill, ill, fine, ill, ill, fine, ill, ill, fine};
  node.vip(node.check("http", node.web->port(), 3));
  REQUIRE(node.eventually([&] { return node.web->requests > 12; }));
  for (const Json& report : node.reports) {
    for (const Json& verdict : report["verdicts"]) {
      CHECK(verdict["healthy"] == true);
    }
  }
  node.web->answers = {ill};
  CHECK(node.eventually([&] { return node.said() == "it answers 503"; }));
}

TEST_CASE("a back end that is asked by TCP must take connections") {
  VipNode node;
  node.pod();
  node.vip(node.check("tcp", node.web->port()));
  REQUIRE(node.eventually([&] { return node.said() == "healthy"; }));
  CHECK(node.web->requests == 0);
  node.web->close();
  CHECK(node.eventually([&] { return node.said() == "connecting: Connection refused"; }));
}

TEST_CASE("who has no back ends says nothing, and without a check that it is there") {
  VipNode node;
  node.vip(node.check("http", node.web->port()));
  const auto looks = [&](int times) {  // it looks again whenever something has changed, and now and then
    int handled = 0;
    return node.eventually([&] { return ++handled > times; });
  };
  REQUIRE(looks(8));
  CHECK(node.reports.empty());
  node.world.port(100, node.back_end, "h2", 40);  // elsewhere
  REQUIRE(looks(8));
  CHECK(node.reports.empty());
  CHECK(node.web->requests == 0);
  node.vip(R"({"kind":"none"})");
  node.pod();
  REQUIRE(node.eventually([&] { return !node.reports.empty(); }));
  CHECK(node.reports.back() == Json{{"node", "h1"}, {"verdicts", Json::array()}});
}

TEST_CASE("another check is begun anew, and another container is not taken for the one before") {
  VipNode node;
  node.pod();
  VipWeb other(*node.io, node.back_end);
  other.answers = {"HTTP/1.1 500 Internal Server Error\r\n\r\n"};
  node.vip(node.check("http", node.web->port()));
  REQUIRE(node.eventually([&] { return node.said() == "healthy"; }));
  node.vip(node.check("http", other.port()));
  REQUIRE(node.eventually([&] { return node.said() == "it answers 500"; }));
  other.answers = {""};
  node.world.port(100, node.back_end, "h1", 70, "c2/eth0");
  LocalPort successor = local_port("c2", 100, node.back_end, 70, 8);
  node.state.ports.put(successor);
  const auto asked = other.requests;
  REQUIRE(node.eventually([&] { return other.requests > asked; }));
  REQUIRE(node.eventually([&] { return node.said() == "reading the answer: no answer in time"; }));
}
