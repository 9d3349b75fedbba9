#include <memory>
#include <thread>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "component/http_stage.hpp"
#include "mooring/http/blocking_client.hpp"

using namespace http_stage;

namespace {

// One accepted connection that says what the test wants, and closes.
class OneAnswer {
 public:
  OneAnswer(const std::string& path, std::string answer, int connections = 1) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(descriptor_, 16) == 0);
    thread_ = std::thread([this, answer = std::move(answer), connections] {
      for (int i = 0; i < connections; ++i) {
        const int peer = ::accept(descriptor_, nullptr, nullptr);
        char heard[4096];
        if (::recv(peer, heard, sizeof heard, 0) > 0 && !answer.empty()) {
          ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
        }
        ::close(peer);
        ++served_;
      }
    });
  }
  ~OneAnswer() {
    ::shutdown(descriptor_, SHUT_RDWR);
    ::close(descriptor_);
    thread_.join();
  }
  int served() const { return served_; }

 private:
  int descriptor_ = -1;
  std::atomic<int> served_{0};
  std::thread thread_;
};

asio::awaitable<Answer> never(Request) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 60s);
  co_await timer.async_wait(asio::use_awaitable);
  Answer answer(text(200, ""));
  co_return answer;
}

}  // namespace

TEST_CASE("the blocking client asks over unix and TCP on one kept connection") {
  ServerThread server(echo);
  for (const Endpoint& endpoint : {server.unix_endpoint(), server.tcp_endpoint()}) {
    BlockingClient client(endpoint);
    for (int i = 0; i < 10; ++i) {
      const Result<Response> got = client.request("POST", "/v1/attach", "{}", after(5s));
      REQUIRE(got);
      CHECK(got->body == "POST /v1/attach {}");
    }
    CHECK(server.connections() == 1);
    const std::string large(1'000'000, 'y');
    CHECK(client.request("POST", "/", large, after(10s)).value().body == "POST / " + large);
    BlockingClient moved = std::move(client);
    CHECK(moved.request("GET", "/", "", after(5s)));
    CHECK(server.connections() == 1);
    BlockingClient none(std::move(moved));
    CHECK(none.request("DELETE", "/x", "", after(5s)));
    none = BlockingClient(endpoint);
    CHECK(eventually([&] { return server.connections() == 0; }));
  }
}

TEST_CASE("work of one's own fits between send and receive") {
  ServerThread server(echo);
  BlockingClient client(server.unix_endpoint(), "t0ken");
  REQUIRE(client.send("GET", "/a", "", after(5s)));
  const Result<Response> got = client.receive(after(5s));
  REQUIRE(got);
  CHECK(got->body == "GET /a ");
  const Result<Response> none = client.receive(after(5s));
  REQUIRE_FALSE(none);
  CHECK(none.error().code() == Errc::internal);
  // An answer nobody wanted is not taken for that of the next request.
  REQUIRE(client.send("GET", "/b", "", after(5s)));
  CHECK(client.request("GET", "/c", "", after(5s)).value().body == "GET /c ");
}

TEST_CASE("deadlines of the blocking client are true") {
  ServerThread server(never);
  BlockingClient client(server.unix_endpoint());
  const auto begin = std::chrono::steady_clock::now();
  const Result<Response> got = client.request("GET", "/a", "", after(80ms));
  const auto took = std::chrono::steady_clock::now() - begin;
  REQUIRE_FALSE(got);
  CHECK(got.error().code() == Errc::timeout);
  CHECK(got.error().message() == "GET /a: waiting for " + server.unix_endpoint().str() + ": the deadline has passed");
  CHECK(took >= 80ms);
  CHECK(took < 1s);
  CHECK(eventually([&] { return server.connections() <= 1; }));
}

TEST_CASE("a full backlog ends with the deadline") {
  TemporaryFolder folder;
  const std::string path = folder.path("s.sock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  RawPeer filler(Endpoint::unix_socket(path));
  BlockingClient client(Endpoint::unix_socket(path));
  const auto begin = std::chrono::steady_clock::now();
  const Result<Response> got = client.request("GET", "/a", "", after(80ms));
  const auto took = std::chrono::steady_clock::now() - begin;
  ::close(listener);
  REQUIRE_FALSE(got);
  CHECK(got.error().code() == Errc::timeout);
  CHECK(took >= 75ms);
  CHECK(took < 1s);
}

TEST_CASE("a server away is named with the cause") {
  TemporaryFolder folder;
  BlockingClient client(Endpoint::unix_socket(folder.path("none.sock")));
  const Result<Response> got = client.request("GET", "/a", "", after(1s));
  REQUIRE_FALSE(got);
  CHECK(got.error().code() == Errc::unavailable);
  CHECK(got.error().message() ==
        "GET /a: connecting to unix:" + (folder.path("none.sock")) + ": No such file or directory");
  BlockingClient named(Endpoint::tcp("controller.example", 80));
  CHECK(named.request("GET", "/a", "", after(1s)).error().message().find("is no address") != std::string::npos);
  CHECK(resolved(Endpoint::tcp("localhost", 80)).value().port() == 80);
  CHECK(resolved(Endpoint::tcp("no-such-host.invalid", 80)).error().code() == Errc::unavailable);
}

TEST_CASE("a restarted server is found again on a kept connection") {
  TemporaryFolder folder;
  auto server = std::make_unique<ServerThread>(echo, Limits(), folder.path("s.sock"));
  BlockingClient client(server->unix_endpoint());
  REQUIRE(client.request("GET", "/a", "", after(5s)));
  server = nullptr;
  server = std::make_unique<ServerThread>(echo, Limits(), folder.path("s.sock"));
  CHECK(client.request("GET", "/a", "", after(5s)));
}

TEST_CASE("a fresh connection that dies is an error, not asked again") {
  TemporaryFolder folder;
  SECTION("without an answer") {
    OneAnswer server(folder.path("s.sock"), "");
    BlockingClient client(Endpoint::unix_socket(folder.path("s.sock")));
    const Result<Response> got = client.request("GET", "/a", "", after(5s));
    REQUIRE_FALSE(got);
    CHECK(got.error().code() == Errc::unavailable);
    CHECK(got.error().message().find("it has closed the connection") != std::string::npos);
  }
  SECTION("in the middle of one") {
    OneAnswer server(folder.path("s.sock"), "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    BlockingClient client(Endpoint::unix_socket(folder.path("s.sock")));
    const Result<Response> got = client.request("GET", "/a", "", after(5s));
    REQUIRE_FALSE(got);
    CHECK(got.error().code() == Errc::unavailable);
  }
  SECTION("with something that is no HTTP") {
    OneAnswer server(folder.path("s.sock"), "220 mail.example ESMTP\r\n\r\n");
    BlockingClient client(Endpoint::unix_socket(folder.path("s.sock")));
    const Result<Response> got = client.request("GET", "/a", "", after(5s));
    REQUIRE_FALSE(got);
    CHECK(got.error().code() == Errc::unavailable);
  }
  SECTION("an answer that ends with the connection is whole") {
    OneAnswer server(folder.path("s.sock"), "HTTP/1.1 200 OK\r\n\r\nwhole");
    BlockingClient client(Endpoint::unix_socket(folder.path("s.sock")));
    CHECK(client.request("GET", "/a", "", after(5s)).value().body == "whole");
  }
}

TEST_CASE("a kept connection that dies on the next request is asked again, once") {
  TemporaryFolder folder;
  // Each connection is answered once although it promises to stay: the second request meets a closing peer.
  OneAnswer server(folder.path("s.sock"), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2);
  BlockingClient client(Endpoint::unix_socket(folder.path("s.sock")));
  REQUIRE(client.request("GET", "/a", "", after(5s)));
  CHECK(client.request("GET", "/b", "", after(5s)));
  CHECK(eventually([&] { return server.served() == 2; }));
}

TEST_CASE("the blocking client reads streams, and refusals of streams") {
  const auto handler = [](Request request) -> asio::awaitable<Answer> {
    if (request.path == "/none") {
      Answer answer(json(404, "{}"));
      co_return answer;
    }
    const auto run_stream = [](LineSink& sink) -> asio::awaitable<void> {
      const auto lines = std::make_shared<const std::string>("one\ntwo\n");
      const Result<void> sent = co_await sink.write(lines);
      static_cast<void>(sent);
    };
    Answer answer{Stream(run_stream)};
    co_return answer;
  };
  ServerThread server(handler);
  BlockingClient client(server.unix_endpoint());
  REQUIRE(client.send("GET", "/watch", "", after(5s)));
  CHECK(client.receive_head(after(5s)).value().status == 200);
  CHECK(client.next_line(after(5s)).value() == "one");
  CHECK(client.next_line(after(5s)).value() == "two");
  const Result<std::string> end = client.next_line(after(5s));
  REQUIRE_FALSE(end);
  CHECK(end.error().code() == Errc::unavailable);
  REQUIRE(client.send("GET", "/none", "", after(5s)));
  CHECK(client.receive_head(after(5s)).value().body == "{}");
}
