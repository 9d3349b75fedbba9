// The options of mooring-controller.
#include <catch2/catch.hpp>

#include "ipam-controller/config.hpp"
#include "support/controller_process.hpp"

using namespace mooring;
using namespace mooring::controller;
using Catch::Contains;

namespace {

Parsed parse(std::vector<std::string> words) {
  words.insert(words.begin(), "mooring-controller");
  std::vector<const char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(word.c_str());
  }
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST_CASE("main: defaults") {
  const Parsed parsed = parse({});
  REQUIRE(parsed.run);
  CHECK(parsed.config.store_path == "/var/lib/mooring/controller.db");
  CHECK(parsed.config.unix_path == "/run/mooring/controller.sock");
  CHECK(parsed.config.tcp.empty());
  CHECK(parsed.config.heartbeat == std::chrono::seconds(5));
  CHECK(parsed.config.watch_buffer_bytes == std::size_t{8} * 1024 * 1024);
  CHECK(parsed.config.change_log_changes == 1'000'000);
  CHECK(parsed.config.log_level == spdlog::level::info);
}

TEST_CASE("main: help shows an example, version the version") {
  const Parsed help = parse({"--help"});
  CHECK_FALSE(help.run);
  CHECK(help.exit_code == 0);
  CHECK_THAT(help.output, Contains("Example:") && Contains("--node-token-file") && Contains("Exit status"));
  const Parsed version = parse({"--version"});
  CHECK(version.exit_code == 0);
  CHECK_THAT(version.output, Contains(MOORING_VERSION));
}

TEST_CASE("main: addresses to listen on") {
  CHECK(parse_tcp_listen("127.0.0.1:7480")->address == "127.0.0.1");
  CHECK(parse_tcp_listen("127.0.0.1:7480")->port == 7480);
  CHECK(parse_tcp_listen("0.0.0.0:0")->port == 0);
  CHECK(parse_tcp_listen("[::1]:65535")->address == "::1");
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", ":7480", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:-1",
        "127.0.0.1:74 80", "localhost:7480", "::1:7480", "[::1]", "[127.0.0.1:7480"}) {
    INFO(text);
    const auto refused = parse_tcp_listen(text);
    REQUIRE(refused.has_error());
    CHECK_THAT(refused.error().text(), Contains("is not ADDRESS:PORT"));
  }
}

TEST_CASE("main: wrong options are named, with the way out") {
  const tests::TemporaryFolder folder;
  const std::string good = folder.file("good", "abc\n", 0600);
  const std::string twin = folder.file("twin", "abc\n", 0600);
  const std::string open = folder.file("open", "abc\n", 0644);
  const std::string empty = folder.file("empty", "\n", 0600);
  struct Case {
    std::vector<std::string> words;
    const char* says;
    const char* way_out;
  };
  for (const Case& c :
       {Case{{"--colour", "red"}, "--colour", "--help"}, Case{{"--log-level", "loud"}, "loud", "--help"},
        Case{{"--heartbeat-seconds", "0"}, "--heartbeat-seconds", "--help"},
        Case{{"--heartbeat-seconds", "soon"}, "--heartbeat-seconds", "--help"}, Case{{"--store"}, "--store", "--help"},
        Case{{"--config", folder.path("absent.toml")}, "absent.toml", ""},
        Case{{"--listen-tcp", "7480"}, "--listen-tcp: '7480' is not ADDRESS:PORT", "172.31.0.10:7480"},
        Case{
            {"--listen-tcp", "0.0.0.0:7480"}, "--listen-tcp 0.0.0.0:7480: TCP needs a token file", "--node-token-file"},
        Case{{"--listen-tcp", "127.0.0.1:7480"}, "--listen-tcp 127.0.0.1:7480: TCP needs a token file", "unix socket"},
        Case{{"--node-token-file", open}, "--node-token-file: reading the token file", "chmod 0600"},
        Case{{"--admin-token-file", open}, "--admin-token-file: reading the token file", "chmod 0600"},
        Case{{"--admin-token-file", empty}, "it is empty", "urandom"},
        Case{{"--node-token-file", folder.path("absent")}, "No such file", "urandom"},
        Case{{"--node-token-file", good, "--admin-token-file", twin}, "hold the same token", "another one"}}) {
    INFO(c.says);
    const Parsed parsed = parse(c.words);
    CHECK_FALSE(parsed.run);
    CHECK(parsed.exit_code == 2);
    CHECK(parsed.output.empty());
    CHECK_THAT(parsed.errors, Contains(c.says) && Contains(c.way_out));
  }
}

TEST_CASE("main: a configuration file and tokens") {
  const tests::TemporaryFolder folder;
  const std::string node = folder.file("node", "n-token\n", 0600);
  const std::string admin = folder.file("admin", "a-token\n", 0600);
  const std::string file = folder.file("c.toml",
                                       "store=\"/x/y.db\"\nlisten-tcp=[\"127.0.0.1:1\",\"127.0.0.1:2\"]\n"
                                       "heartbeat-seconds=2\nnode-token-file=\"" +
                                           node + "\"\nadmin-token-file=\"" + admin + "\"\n",
                                       0644);
  const Parsed parsed = parse({"--config", file, "--heartbeat-seconds", "3"});
  INFO(parsed.errors);
  REQUIRE(parsed.run);
  CHECK(parsed.config.store_path == "/x/y.db");
  CHECK(parsed.config.tcp.size() == 2);
  CHECK(parsed.config.heartbeat == std::chrono::seconds(3));  // the command line wins
  CHECK(parsed.config.tokens.node == "n-token");
  CHECK(parsed.config.tokens.admin == "a-token");

  const std::string unknown = folder.file("d.toml", "colour=\"red\"\n", 0644);
  CHECK(parse({"--config", unknown}).exit_code == 2);
}
