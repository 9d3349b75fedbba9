// Who may ask: token files and tokens.
#include <catch2/catch.hpp>

#include "ipam-controller/api/access.hpp"
#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::controller;
using Catch::Contains;

namespace {

http::Request from_tcp(const std::string& authorization) {
  http::Request request;
  request.peer.address = "127.0.0.1:4711";
  if (!authorization.empty()) {
    request.headers.emplace_back("authorization", authorization);
  }
  return request;
}

}  // namespace

TEST_CASE("api access: a token file is read without the white space around it") {
  const tests::TemporaryFolder folder;
  CHECK(read_token_file(folder.file("a", "secret\n", 0600)).value() == "secret");
  CHECK(read_token_file(folder.file("b", " \n secret\r\n\n", 0400)).value() == "secret");
  CHECK(read_token_file(folder.file("c", std::string(4096, 'x'), 0600)).value().size() == 4096);
}

TEST_CASE("api access: a token file that others can use, or that holds no token, is refused") {
  const tests::TemporaryFolder folder;
  struct Case {
    const char* text;
    mode_t mode;
    const char* says;
    const char* way_out;
  };
  int number = 0;
  const std::string long_text(4097, 'x');
  for (const Case& c :
       {Case{"secret", 0644, "its mode is 0644", "chmod 0600"}, Case{"secret", 0640, "its mode is 0640", "chmod 0600"},
        Case{"secret", 0604, "its mode is 0604", "chmod 0600"}, Case{"secret", 0620, "its mode is 0620", "chmod 0600"},
        Case{"secret", 0601, "its mode is 0601", "chmod 0600"}, Case{"", 0600, "it is empty", "urandom"},
        Case{" \n\t", 0600, "it is empty", "urandom"},
        Case{"two words", 0600, "something else than one token", "urandom"},
        Case{"two\nlines", 0600, "something else than one token", "urandom"},
        Case{"caf\xc3\xa9", 0600, "something else than one token", "urandom"},
        Case{long_text.c_str(), 0600, "something else than one token", "urandom"}}) {
    const std::string path = folder.file("t" + std::to_string(number++), c.text, c.mode);
    INFO(c.says);
    const auto token = read_token_file(path);
    REQUIRE(token.has_error());
    CHECK_THAT(token.error().message(), Contains(c.says) && Contains(path));
    CHECK_THAT(token.error().hint(), Contains(c.way_out));
    CHECK(token.error().text().find("secret") == std::string::npos);
  }
  CHECK_THAT(read_token_file(folder.path("absent")).error().text(), Contains("No such file") && Contains("umask 077"));
  std::filesystem::create_directory(folder.path("dir"));
  CHECK_THAT(read_token_file(folder.path("dir")).error().text(), Contains("not a regular file"));
}

TEST_CASE("api access: tokens over TCP") {
  const Tokens both{"node-token", "admin-token"};
  CHECK(access_of(from_tcp("Bearer node-token"), both).value() == Access::node);
  CHECK(access_of(from_tcp("Bearer admin-token"), both).value() == Access::admin);
  CHECK(access_of(from_tcp("bearer admin-token"), both).value() == Access::admin);
  for (const char* wrong : {"", "Bearer ", "Bearer", "Bearer x", "Bearer node-toke", "Bearer node-token2",
                            "Bearer Node-Token", "Basic bm9kZS10b2tlbg==", "node-token"}) {
    INFO(wrong);
    const auto access = access_of(from_tcp(wrong), both);
    REQUIRE(access.has_error());
    CHECK(access.error().code() == Errc::unauthorized);
  }
}

TEST_CASE("api access: a token that was not configured opens nothing") {
  CHECK(access_of(from_tcp("Bearer "), Tokens{}).has_error());
  CHECK(access_of(from_tcp(""), Tokens{}).has_error());
  CHECK(access_of(from_tcp("Bearer node-token"), Tokens{"node-token", ""}).value() == Access::node);
  CHECK(access_of(from_tcp("Bearer "), Tokens{"node-token", ""}).has_error());
}

TEST_CASE("api access: on the unix socket everybody is an admin") {
  http::Request request;
  request.peer.unix_socket = true;
  CHECK(access_of(request, Tokens{}).value() == Access::admin);
}
