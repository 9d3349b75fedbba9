#include <fstream>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include "component/http_stage.hpp"
#include "support/tls_server.hpp"

using namespace http_stage;
using mooring::tests::make_certificate;
using mooring::tests::TlsServer;

namespace {

std::string fine(const std::string& request) {
  const std::string body = request.substr(0, request.find(' ')) + " " + request.substr(request.find("\r\n\r\n") + 4);
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// One client for the life of a test, so that connections are kept.
class Asker {
 public:
  Asker(const Endpoint& endpoint, const std::string& ca_file) {
    ClientOptions options;
    const auto trust = TlsTrust::load(ca_file);
    options.trust = trust.value();
    client_.emplace(io_.get_executor(), endpoint, options);
  }
  Result<Response> ask(std::chrono::milliseconds patience = 5s) {
    std::optional<Result<Response>> got;
    run(io_, [&]() -> asio::awaitable<void> { got = co_await client_->request("POST", "/x", "{}", after(patience)); });
    io_.restart();
    return *got;
  }

 private:
  asio::io_context io_{1};
  std::optional<Client> client_;
};

}  // namespace

TEST_CASE("tls: a certificate of the CA file, for the name or address that was dialled") {
  TemporaryFolder folder;
  make_certificate(folder.path(""), "good", "DNS:localhost,IP:127.0.0.1");
  TlsServer server(folder.path(""), "good", fine);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    INFO(host);
    Asker asker(Endpoint::tls(host, server.port()), folder.path("good.pem"));
    const int before = server.connections();
    for (int i = 0; i < 3; ++i) {
      const auto got = asker.ask();
      REQUIRE(got);
      CHECK(got->body == "POST {}");
    }
    CHECK(server.connections() == before + 1);  // kept
  }
}

TEST_CASE("tls: an answer of a megabyte comes whole") {
  TemporaryFolder folder;
  make_certificate(folder.path(""), "good", "DNS:localhost");
  const std::string body(1024 * 1024, 'm');
  TlsServer server(folder.path(""), "good", [&](const std::string&) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  });
  Asker asker(Endpoint::tls("localhost", server.port()), folder.path("good.pem"));
  const auto got = asker.ask();
  REQUIRE(got);
  CHECK(got->body == body);
}

TEST_CASE("tls: whom it does not trust it tells nothing") {
  TemporaryFolder folder;
  make_certificate(folder.path(""), "good", "DNS:localhost");
  make_certificate(folder.path(""), "other", "DNS:other.example");
  make_certificate(folder.path(""), "old", "DNS:localhost", true);
  struct Case {
    std::string certificate, ca_file, cause;
  };
  const Case cases[] = {{"good", "", "certificate verify failed: self-signed certificate"},
                        {"good", folder.path("other.pem"), "certificate verify failed: self-signed certificate"},
                        {"other", folder.path("other.pem"), "hostname mismatch"},
                        {"old", folder.path("old.pem"), "certificate has expired"}};
  for (const Case& tried : cases) {
    INFO(tried.certificate + " " + tried.ca_file);
    std::atomic<int> heard = 0;
    TlsServer server(folder.path(""), tried.certificate, [&](const std::string& request) {
      ++heard;
      return fine(request);
    });
    Asker asker(Endpoint::tls("localhost", server.port()), tried.ca_file);
    const auto got = asker.ask();
    REQUIRE_FALSE(got);
    CHECK(got.error().code() == Errc::unavailable);
    CHECK(got.error().message().find(tried.cause) != std::string::npos);
    CHECK(got.error().message().find("https://localhost:") != std::string::npos);
    CHECK_FALSE(got.error().hint().empty());
    CHECK(heard == 0);
  }
}

TEST_CASE("tls: a server that speaks none, one that says nothing, one that breaks off") {
  TemporaryFolder folder;
  make_certificate(folder.path(""), "good", "DNS:localhost,IP:127.0.0.1");
  SECTION("plain HTTP") {
    const auto handler = [](Request) -> asio::awaitable<Answer> { co_return Answer(text(200, "plain")); };
    ServerThread plain(handler);
    Asker asker(Endpoint::tls("127.0.0.1", plain.tcp_endpoint().port()), folder.path("good.pem"));
    const auto got = asker.ask();
    REQUIRE_FALSE(got);
    CHECK(got.error().message().find("agreeing on TLS") != std::string::npos);
  }
  SECTION("silence") {
    asio::io_context io(1);
    asio::ip::tcp::acceptor silent(io, {asio::ip::address_v4::loopback(), 0});
    Asker asker(Endpoint::tls("127.0.0.1", silent.local_endpoint().port()), folder.path("good.pem"));
    const auto got = asker.ask(100ms);
    REQUIRE_FALSE(got);
    CHECK(got.error().code() == Errc::timeout);
  }
  SECTION("an answer cut off in the middle is no answer") {
    TlsServer server(folder.path(""), "good",
                     [](const std::string&) { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of i"; });
    Asker asker(Endpoint::tls("localhost", server.port()), folder.path("good.pem"));
    const auto got = asker.ask();
    REQUIRE_FALSE(got);
    CHECK(got.error().code() == Errc::unavailable);
  }
}

TEST_CASE("tls: a CA file that is none is named") {
  TemporaryFolder folder;
  std::ofstream(folder.path("ca.pem")) << "no certificate\n";
  for (const char* name : {"ca.pem", "absent.pem"}) {
    const auto refused = TlsTrust::load(folder.path(name));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Errc::invalid_config);
    CHECK(refused.error().message().find(name) != std::string::npos);
  }
}
