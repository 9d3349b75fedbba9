#include <fstream>
#include <optional>
#include <sstream>
#include <sys/stat.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include "component/http_stage.hpp"
#include "mooring/http/blocking_client.hpp"
#include "mooring/http/server.hpp"

using namespace http_stage;

namespace {

constexpr const char* get_a = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

// A socket file that nobody listens on any more, as a killed process leaves it.
void leave_stale_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(descriptor, 1) == 0);
  ::close(descriptor);
}

}  // namespace

TEST_CASE("a handler sees method, path, query, headers, body and who asks") {
  std::optional<Request> seen;
  const auto handler = [&](Request request) -> asio::awaitable<Answer> {
    seen = std::move(request);
    Answer answer(json(201, "{}"));
    co_return answer;
  };
  ServerThread server(handler);

  RawPeer local(server.unix_endpoint());
  REQUIRE(local.say(
      "PUT /v1/nodes/h%31?dry=yes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nContent-Length: 2\r\n\r\n[]"));
  const std::string answer = local.hear("{}");
  CHECK(has(answer, "HTTP/1.1 201 Created\r\n"));
  CHECK(has(answer, "Content-Type: application/json\r\n"));
  CHECK(has(answer, "Content-Length: 2\r\n"));
  REQUIRE(seen);
  CHECK(seen->method == "PUT");
  CHECK(seen->path == "/v1/nodes/h1");
  CHECK(seen->parameter("dry") == "yes");
  CHECK(seen->bearer_token() == "t");
  CHECK(seen->body == "[]");
  CHECK(seen->peer.unix_socket);
  CHECK(seen->peer.uid == ::getuid());
  CHECK(seen->peer.pid == ::getpid());

  RawPeer remote(server.tcp_endpoint());
  REQUIRE(remote.say(get_a));
  REQUIRE(has(remote.hear("{}"), "201"));
  CHECK_FALSE(seen->peer.unix_socket);
  CHECK(seen->peer.address.starts_with("127.0.0.1:"));
}

TEST_CASE("one connection serves many requests, pipelined ones in order") {
  ServerThread server(echo);
  RawPeer peer(server.unix_endpoint());
  REQUIRE(peer.say(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string answers = peer.hear("GET /", 3);
  CHECK(answers.find("GET /1") < answers.find("GET /2"));
  CHECK(answers.find("GET /2") < answers.find("GET /3"));
  CHECK(has(answers, "GET /3"));
  CHECK(server.connections() == 1);
  REQUIRE(peer.say("GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string last = peer.hear();
  CHECK(has(last, "Connection: close\r\n"));
  CHECK(has(last, "GET /4"));
  CHECK(peer.heard_the_end());
  CHECK(eventually([&] { return server.connections() == 0; }));
}

TEST_CASE("some requests may have a larger body; who asks is looked at before it is kept") {
  Limits limits;
  limits.body_bytes = 1000;
  limits.largest_body_bytes = 1'000'000;
  limits.body_bytes_of = [](const Request& head) {
    return head.path == "/large" && head.peer.unix_socket ? std::size_t{500'000} : std::size_t{0};
  };
  ServerThread server(echo, limits);
  const auto status_of = [](const Endpoint& endpoint, const std::string& path, std::size_t bytes, bool chunked) {
    RawPeer peer(endpoint);
    const std::string head = "POST " + path + " HTTP/1.1\r\nHost: x\r\n";
    const std::string body(bytes, 'b');
    std::ostringstream size;
    size << std::hex << bytes;
    const bool said =
        peer.say(chunked ? head + "Transfer-Encoding: chunked\r\n\r\n" + size.str() + "\r\n" + body + "\r\n0\r\n\r\n"
                         : head + "Content-Length: " + std::to_string(bytes) + "\r\n\r\n" + body);
    static_cast<void>(said);  // a refusal may come before everything was taken
    return peer.hear("\r\n").substr(9, 3);
  };
  for (const bool chunked : {false, true}) {
    CHECK(status_of(server.unix_endpoint(), "/large", 400'000, chunked) == "200");
    CHECK(status_of(server.unix_endpoint(), "/large?dry_run=true", 400'000, chunked) == "200");
    CHECK(status_of(server.unix_endpoint(), "/large", 500'001, chunked) == "413");
    CHECK(status_of(server.unix_endpoint(), "/large", 2'000'000, chunked) == "413");
    CHECK(status_of(server.unix_endpoint(), "/small", 400'000, chunked) == "413");
    CHECK(status_of(server.tcp_endpoint(), "/large", 400'000, chunked) == "413");
    CHECK(status_of(server.tcp_endpoint(), "/small", 1000, chunked) == "200");
  }
}

TEST_CASE("malformed bytes are answered 400, and the server lives on") {
  ServerThread server(echo);
  for (const Endpoint& endpoint : {server.unix_endpoint(), server.tcp_endpoint()}) {
    RawPeer peer(endpoint);
    REQUIRE(peer.say("\x16\x03\x01 this is no HTTP\r\n\r\n"));
    const std::string answer = peer.hear();
    CHECK(has(answer, "HTTP/1.1 400"));
    CHECK(has(answer, "application/problem+json"));
    CHECK(has(answer, "\"title\":\"invalid-argument\""));
    CHECK(eventually([&] {
      peer.hear({}, 1, 1ms);
      return peer.heard_the_end();
    }));
    RawPeer other(endpoint);
    REQUIRE(other.say(get_a));
    CHECK(has(other.hear("GET /a"), "200 OK"));
  }
}

TEST_CASE("a target that cannot be decoded is refused without losing the connection") {
  ServerThread server(echo);
  RawPeer peer(server.unix_endpoint());
  REQUIRE(peer.say("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(has(peer.hear("}"), "400"));
  REQUIRE(peer.say(get_a));
  CHECK(has(peer.hear("GET /a"), "200 OK"));
}

TEST_CASE("too much is answered 413, also to a peer that goes on sending") {
  Limits limits;
  limits.body_bytes = 100'000;
  ServerThread server(echo, limits);
  for (const Endpoint& endpoint : {server.unix_endpoint(), server.tcp_endpoint()}) {
    RawPeer head(endpoint);
    head.say("GET /a HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
    CHECK(has(head.hear("}"), "HTTP/1.1 413"));

    RawPeer body(endpoint);
    body.say("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x'));
    CHECK(has(body.hear("}"), "\"title\":\"too-large\""));

    RawPeer fits(endpoint);
    fits.say("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
    CHECK(has(fits.hear("\r\n\r\n"), "200 OK"));
  }
}

TEST_CASE("100 Continue is said before the body is read") {
  ServerThread server(echo);
  RawPeer peer(server.unix_endpoint());
  REQUIRE(peer.say("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  CHECK(peer.hear("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  REQUIRE(peer.say("abc"));
  CHECK(has(peer.hear("abc"), "POST /a abc"));
}

TEST_CASE("an exception in a handler is a 500, told to on_fault, and nothing else breaks") {
  const auto handler = [](Request request) -> asio::awaitable<Answer> {
    if (request.path == "/throw") {
      throw std::runtime_error("a \"bug\"");
    }
    Answer answer(text(200, "fine"));
    co_return answer;
  };
  ServerThread server(handler);
  RawPeer peer(server.unix_endpoint());
  REQUIRE(peer.say("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string answer = peer.hear("}");
  CHECK(has(answer, "HTTP/1.1 500"));
  CHECK(has(answer, R"(answering GET /throw: a \"bug\")"));
  CHECK(has(server.fault(), "GET /throw"));
  REQUIRE(peer.say(get_a));
  CHECK(has(peer.hear("fine"), "200 OK"));
}

TEST_CASE("connections that say nothing, or not enough, are closed in time") {
  Limits limits;
  limits.idle = 50ms;
  limits.receive_deadline = 100ms;
  ServerThread server(echo, limits);
  RawPeer silent(server.unix_endpoint());
  RawPeer slow(server.unix_endpoint());
  REQUIRE(slow.say("GET /a HTT"));
  CHECK(silent.hear().empty());
  CHECK(silent.heard_the_end());
  slow.hear();
  CHECK(slow.heard_the_end());
}

TEST_CASE("no deadline runs while a handler works") {
  Limits limits;
  limits.idle = limits.receive_deadline = limits.write_deadline = 20ms;
  const auto handler = [](Request) -> asio::awaitable<Answer> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 200ms);
    co_await timer.async_wait(asio::use_awaitable);
    Answer answer(text(200, "late"));
    co_return answer;
  };
  ServerThread server(handler, limits);
  RawPeer peer(server.unix_endpoint());
  REQUIRE(peer.say(get_a));
  CHECK(has(peer.hear("late"), "200 OK"));
}

TEST_CASE("one connection too many is told so") {
  Limits limits;
  limits.connections = 2;
  ServerThread server(echo, limits);
  RawPeer one(server.unix_endpoint());
  RawPeer two(server.tcp_endpoint());
  REQUIRE(eventually([&] { return server.connections() == 2; }));
  RawPeer three(server.unix_endpoint());
  CHECK(has(three.hear("}"), "HTTP/1.1 503"));
  one.close();
  REQUIRE(eventually([&] { return server.connections() == 1; }));
  RawPeer four(server.unix_endpoint());
  REQUIRE(four.say(get_a));
  CHECK(has(four.hear("GET /a"), "200 OK"));
}

TEST_CASE("the socket file: mode, stale ones replaced, live ones and other files respected") {
  TemporaryFolder folder;
  asio::io_context io;
  const std::string path = folder.path("s.sock");

  SECTION("a stale one is replaced; ours is removed at the end") {
    leave_stale_socket(path);
    Server server(io.get_executor(), echo);
    REQUIRE(server.listen_unix(path, 0640));
    CHECK(mode_of(path) == 0640);
    server.stop();
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SECTION("a live one is an error that says so") {
    Server first(io.get_executor(), echo);
    REQUIRE(first.listen_unix(path));
    CHECK(mode_of(path) == 0600);
    Server second(io.get_executor(), echo);
    const auto listening = second.listen_unix(path);
    REQUIRE_FALSE(listening);
    CHECK(listening.error().code() == Errc::in_use);
    CHECK(has(listening.error().text(), "another process answers there"));
    CHECK(std::filesystem::exists(path));
  }
  SECTION("a file that is no socket is left alone") {
    std::ofstream(path) << "precious";
    Server server(io.get_executor(), echo);
    const auto listening = server.listen_unix(path);
    REQUIRE_FALSE(listening);
    CHECK(listening.error().code() == Errc::in_use);
    CHECK(std::filesystem::file_size(path) == 8);
  }
  SECTION("a file that somebody else put there meanwhile stays") {
    Server server(io.get_executor(), echo);
    REQUIRE(server.listen_unix(path));
    std::filesystem::rename(path, folder.path("moved.sock"));
    leave_stale_socket(path);
    server.stop();
    CHECK(std::filesystem::exists(path));
  }
  SECTION("a folder that does not exist is named") {
    Server server(io.get_executor(), echo);
    const auto listening = server.listen_unix(folder.path("no/such/s.sock"));
    REQUIRE_FALSE(listening);
    CHECK(has(listening.error().text(), "no/such/s.sock"));
    CHECK_FALSE(server.listen_unix(folder.path(std::string(120, 'x'))));
  }
}

TEST_CASE("TCP: a taken port and a bad address are errors") {
  asio::io_context io;
  Server server(io.get_executor(), echo);
  REQUIRE(server.listen_tcp("127.0.0.1", 0));
  Server other(io.get_executor(), echo);
  const auto taken = other.listen_tcp("127.0.0.1", server.tcp_port());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code() == Errc::in_use);
  CHECK(other.listen_tcp("localhost", 0).error().code() == Errc::invalid_argument);
}

TEST_CASE("stop() ends idle connections, and a running handler's answer goes nowhere") {
  asio::io_context io(1);
  TemporaryFolder folder;
  bool handler_ended = false;
  const auto handler = [&](Request) -> asio::awaitable<Answer> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 50ms);
    co_await timer.async_wait(asio::use_awaitable);
    handler_ended = true;
    Answer answer(text(200, "late"));
    co_return answer;
  };
  Server server(io.get_executor(), handler);
  REQUIRE(server.listen_unix(folder.path("s.sock")));
  RawPeer busy(Endpoint::unix_socket(folder.path("s.sock")));
  RawPeer idle(Endpoint::unix_socket(folder.path("s.sock")));
  REQUIRE(busy.say(get_a));
  io.run_for(20ms);
  REQUIRE(server.connections() == 2);
  server.stop();
  io.run_for(5s);  // returns as soon as nothing is left to do
  CHECK(io.stopped());
  CHECK(handler_ended);
  CHECK(server.connections() == 0);
  CHECK(idle.hear().empty());
  CHECK(idle.heard_the_end());
  CHECK(busy.hear().empty());
}

TEST_CASE("a unix request costs tens of microseconds") {
  ServerThread server(echo);
  BlockingClient client(server.unix_endpoint());
  constexpr int rounds = 3000;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    REQUIRE(client.request("POST", "/v1/attach", "{}", after(5s)));
  }
  const auto each = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin) / rounds;
  INFO("one request and its answer over a unix socket: " << each.count() << " us");
  CHECK(each.count() < 500);  // generous: test machines are shared, sanitizers are slow
  CHECK(server.connections() == 1);
}
