#include <memory>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "component/http_stage.hpp"
#include "mooring/http/client.hpp"

using namespace http_stage;

namespace {

// Answers after as many milliseconds as the path says: "/50".
asio::awaitable<Answer> answer_late(Request request) {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::milliseconds(std::stoi(request.path.substr(1))));
  co_await timer.async_wait(asio::use_awaitable);
  Answer answer(text(200, request.path));
  co_return answer;
}

// A server that takes connections and says only what the test tells it to.
class SilentServer {
 public:
  explicit SilentServer(const std::string& path, int backlog = 16) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(descriptor_, backlog) == 0);
  }
  ~SilentServer() { ::close(descriptor_); }

 private:
  int descriptor_ = -1;
};

}  // namespace

TEST_CASE("a client asks over unix and TCP, and a host name is looked up") {
  ServerThread server(echo);
  asio::io_context io(1);
  for (const Endpoint& endpoint :
       {server.unix_endpoint(), server.tcp_endpoint(), Endpoint::tcp("localhost", server.tcp_endpoint().port())}) {
    Client client(io.get_executor(), endpoint);
    std::optional<Result<Response>> got;
    run(io, [&]() -> asio::awaitable<void> { got = co_await client.request("PUT", "/v1/x", "{}", after(5s)); });
    INFO(endpoint.str());
    REQUIRE(*got);
    CHECK((*got)->status == 200);
    CHECK((*got)->body == "PUT /v1/x {}");
  }
}

TEST_CASE("the token goes out, and headers of one's own") {
  const auto handler = [](Request request) -> asio::awaitable<Answer> {
    std::string seen = std::string(request.bearer_token()) + " " + std::string(request.header("x-request-id"));
    Answer answer(text(200, std::move(seen)));
    co_return answer;
  };
  ServerThread server(handler);
  asio::io_context io(1);
  ClientOptions options;
  options.token = "s3cret";
  Client client(io.get_executor(), server.unix_endpoint(), options);
  Headers headers;
  headers.emplace_back("X-Request-Id", "7");
  std::optional<Result<Response>> got;
  run(io, [&]() -> asio::awaitable<void> { got = co_await client.request("GET", "/", "", headers, after(5s)); });
  REQUIRE(*got);
  CHECK((*got)->body == "s3cret 7");
}

TEST_CASE("many requests at once share a few kept connections") {
  ServerThread server(echo);
  asio::io_context io(1);
  ClientOptions options;
  options.connections = 4;
  Client client(io.get_executor(), server.unix_endpoint(), options);
  int right = 0;
  for (int i = 0; i < 200; ++i) {
    const auto ask = [&, i]() -> asio::awaitable<void> {
      const std::string target = "/" + std::to_string(i);
      const Result<Response> got = co_await client.request("GET", target, "", after(10s));
      right += got && got->body == "GET " + target + " " ? 1 : 0;
    };
    asio::co_spawn(io, ask, asio::detached);
  }
  io.run_for(10s);
  CHECK(right == 200);
  CHECK(server.connections() <= 4);
  CHECK(server.connections() >= 1);
}

TEST_CASE("a slow answer holds up nobody else, and its deadline is true") {
  ServerThread server(answer_late);
  asio::io_context io(1);
  Client client(io.get_executor(), server.unix_endpoint());
  std::optional<Result<Response>> slow;
  std::optional<Result<Response>> quick;
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::nanoseconds slow_took{};
  std::chrono::nanoseconds quick_took{};
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        slow = co_await client.request("GET", "/60000", "", after(100ms));
        slow_took = std::chrono::steady_clock::now() - begin;
      },
      asio::detached);
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        quick = co_await client.request("GET", "/1", "", after(5s));
        quick_took = std::chrono::steady_clock::now() - begin;
      },
      asio::detached);
  io.run_for(5s);
  REQUIRE(slow);
  REQUIRE(quick);
  REQUIRE_FALSE(*slow);
  CHECK(slow->error().code() == Errc::timeout);
  CHECK(slow->error().message().find(server.path()) != std::string::npos);
  CHECK(slow->error().message().find("GET /60000") != std::string::npos);
  CHECK(slow_took >= 100ms);
  CHECK(slow_took < 1s);
  REQUIRE(*quick);
  CHECK(quick_took < 100ms);
}

TEST_CASE("waiting for a free connection ends with the deadline too") {
  ServerThread server(answer_late);
  asio::io_context io(1);
  ClientOptions options;
  options.connections = 1;
  Client client(io.get_executor(), server.unix_endpoint(), options);
  std::optional<Result<Response>> first;
  std::optional<Result<Response>> second;
  std::optional<Result<Response>> third;
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { first = co_await client.request("GET", "/300", "", after(5s)); },
      asio::detached);
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { second = co_await client.request("GET", "/1", "", after(50ms)); },
      asio::detached);
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { third = co_await client.request("GET", "/2", "", after(5s)); },
      asio::detached);
  io.run_for(5s);
  CHECK((*first).has_value());
  REQUIRE_FALSE(*second);
  CHECK(second->error().code() == Errc::timeout);
  CHECK(third->has_value());
}

TEST_CASE("a server that restarted is asked on a new connection, unseen by the caller") {
  TemporaryFolder folder;
  auto server = std::make_unique<ServerThread>(echo, Limits(), folder.path("s.sock"));
  asio::io_context io(1);
  Client client(io.get_executor(), server->unix_endpoint());
  std::optional<Result<Response>> got;
  const auto ask = [&]() -> asio::awaitable<void> { got = co_await client.request("GET", "/a", "", after(5s)); };
  run(io, ask);
  REQUIRE(*got);
  server = nullptr;
  run(io, ask);
  REQUIRE_FALSE(*got);
  CHECK(got->error().code() == Errc::unavailable);
  CHECK(got->error().message().find("s.sock") != std::string::npos);
  server = std::make_unique<ServerThread>(echo, Limits(), folder.path("s.sock"));
  run(io, ask);
  CHECK(got->has_value());
}

TEST_CASE("a connection that the server closed for idleness is replaced, unseen by the caller") {
  int asked = 0;
  const auto handler = [&](Request) -> asio::awaitable<Answer> {
    ++asked;
    Answer answer(text(200, std::to_string(asked)));
    co_return answer;
  };
  Limits limits;
  limits.idle = 40ms;  // closed by the server while the client keeps it
  ServerThread server(handler, limits);
  asio::io_context io(1);
  Client client(io.get_executor(), server.unix_endpoint());
  std::optional<Result<Response>> got;
  const auto ask = [&]() -> asio::awaitable<void> { got = co_await client.request("GET", "/a", "", after(5s)); };
  run(io, ask);
  REQUIRE(*got);
  REQUIRE(eventually([&] { return server.connections() == 0; }));
  run(io, ask);
  REQUIRE(*got);
  CHECK((*got)->body == "2");
}

TEST_CASE("nobody there, nobody answering, full backlog: each ends in time with a name") {
  TemporaryFolder folder;
  asio::io_context io(1);
  const std::string path = folder.path("s.sock");
  Client client(io.get_executor(), Endpoint::unix_socket(path));
  std::optional<Result<Response>> got;
  const auto ask = [&]() -> asio::awaitable<void> { got = co_await client.request("GET", "/a", "", after(100ms)); };
  run(io, ask);
  REQUIRE_FALSE(*got);
  CHECK(got->error().code() == Errc::unavailable);
  CHECK(got->error().message().find("connecting to unix:" + path + ": No such file or directory") != std::string::npos);

  SilentServer server(path, 0);
  run(io, ask);  // taken into the backlog, never answered
  REQUIRE_FALSE(*got);
  CHECK(got->error().code() == Errc::timeout);

  run(io, ask);  // the former one still fills the backlog
  REQUIRE_FALSE(*got);
  CHECK(got->error().code() == Errc::timeout);
  CHECK(got->error().message().find("connecting to") != std::string::npos);
}

TEST_CASE("an answer that is too large is refused") {
  const auto handler = [](Request) -> asio::awaitable<Answer> {
    Answer answer(text(200, std::string(100'000, 'x')));
    co_return answer;
  };
  ServerThread server(handler);
  asio::io_context io(1);
  ClientOptions options;
  options.response_bytes = 50'000;
  Client client(io.get_executor(), server.unix_endpoint(), options);
  std::optional<Result<Response>> got;
  run(io, [&]() -> asio::awaitable<void> { got = co_await client.request("GET", "/a", "", after(5s)); });
  REQUIRE_FALSE(*got);
  CHECK(got->error().code() == Errc::too_large);
}

TEST_CASE("large bodies go through in both directions") {
  ServerThread server(echo);
  asio::io_context io(1);
  Client client(io.get_executor(), server.tcp_endpoint());
  const std::string body(1'000'000, 'y');
  std::optional<Result<Response>> got;
  run(io, [&]() -> asio::awaitable<void> { got = co_await client.request("POST", "/a", body, after(10s)); });
  REQUIRE(*got);
  CHECK((*got)->body == "POST /a " + body);
}

TEST_CASE("a refusal that comes while the body is still being sent is the answer") {
  Limits limits;
  limits.body_bytes = 1000;
  ServerThread server(echo, limits);
  asio::io_context io(1);
  for (const Endpoint& endpoint : {server.unix_endpoint(), server.tcp_endpoint()}) {
    Client client(io.get_executor(), endpoint);
    const std::string body(3'000'000, 'y');
    std::optional<Result<Response>> got;
    run(io, [&]() -> asio::awaitable<void> { got = co_await client.request("POST", "/a", body, after(10s)); });
    REQUIRE(*got);
    CHECK((*got)->status == 413);
  }
}

TEST_CASE("a client may go while its requests are in flight") {
  ServerThread server(answer_late);
  asio::io_context io(1);
  std::optional<Result<Response>> got;
  auto client = std::make_unique<Client>(io.get_executor(), server.unix_endpoint());
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { got = co_await client->request("GET", "/60000", "", after(20s)); },
      asio::detached);
  io.run_for(30ms);
  client.reset();
  io.run_for(5s);
  REQUIRE(got);
  REQUIRE_FALSE(*got);
  CHECK(got->error().code() == Errc::unavailable);

  // And the io_context may go before a request has ended.
  auto context = std::make_unique<asio::io_context>(1);
  Client orphan(context->get_executor(), server.unix_endpoint());
  asio::co_spawn(
      *context, [&]() -> asio::awaitable<void> { co_await orphan.request("GET", "/60000", "", after(20s)); },
      asio::detached);
  context->run_for(10ms);
}
