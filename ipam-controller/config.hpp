// The controller's options: command line, or --config FILE (TOML/INI with the same names).
// Threading: values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/common.h>

#include "ipam-controller/api/access.hpp"
#include "mooring/base/error.hpp"

namespace mooring::controller {

struct TcpListen {
  std::string address;  // literal, without brackets
  std::uint16_t port = 0;
};

struct Config {
  std::string store_path = "/var/lib/mooring/controller.db";
  std::string unix_path = "/run/mooring/controller.sock";
  std::vector<TcpListen> tcp;
  Tokens tokens;                     // read from the token files
  std::optional<TcpListen> metrics;  // a door for GET /metrics alone, without a token
  std::string webhook_ca_file;       // "" = the system's CAs alone
  spdlog::level::level_enum log_level = spdlog::level::info;
  std::chrono::seconds heartbeat{5};
  std::chrono::seconds node_silence{30};
  std::size_t watch_buffer_bytes = 0;
  std::size_t change_log_changes = 1'000'000;
};

// "restore --from FILE": the store is made anew from a backup, and the program ends.
struct RestoreOrder {
  std::string from;
  bool force = false;
};

// What parsing came to: a configuration, or a text to print and a status to exit with (--help, --version, an error).
struct Parsed {
  bool run = false;
  bool print_routes = false;            // do that instead
  std::optional<RestoreOrder> restore;  // do that instead
  Config config;
  std::string output;  // for stdout
  std::string errors;  // for stderr
  int exit_code = 0;   // 0: help or version was shown; 2: the options are wrong
};

// Reads the token files too. Never exits, never throws for wrong options; each error names the option, the value and
// the way out.
Parsed parse_options(int argc, const char* const* argv);

// "127.0.0.1:7480", "[::1]:7480".
Result<TcpListen> parse_tcp_listen(std::string_view text);

}  // namespace mooring::controller
