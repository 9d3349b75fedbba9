#include "ipam-controller/config.hpp"

#include <charconv>
#include <sstream>

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {
namespace {

constexpr int usage_error = 2;

constexpr const char* description =
    "The IP controller of Mooring: networks, subnets, pools, bindings and ports, durable in SQLite; REST and watch\n"
    "streams for agents, gateways and mooringctl.";

constexpr const char* example =
    "Example: a controller that agents on other machines reach over TCP\n"
    "  (umask 077; for t in node admin; do head -c 32 /dev/urandom | base64 > /etc/mooring/$t.token; done)\n"
    "  mooring-controller --listen-tcp 172.31.0.10:7480 \\\n"
    "      --node-token-file /etc/mooring/node.token --admin-token-file /etc/mooring/admin.token\n"
    "\n"
    "Exit status: 0 ended by SIGTERM or SIGINT, 1 it could not start or go on, 2 wrong options.";

// What the options say, before it is judged.
struct Given {
  std::vector<std::string> tcp;
  std::string node_token_file, admin_token_file, feed_token_file;
  std::string metrics;
  std::string log_level = "info";
  unsigned heartbeat_seconds = 5;
  unsigned node_silence_seconds = 30;
  unsigned watch_buffer_kib = 8192;
  std::size_t change_log_changes = 1'000'000;
};

Error of_option(std::string_view option, const Error& error) {
  return error.within(fmt::format("option {}", option));
}

Result<Tokens> tokens_from(const Given& given) {
  Tokens tokens;
  struct TokenFile {
    const char* option;
    const std::string& path;
    std::string& token;
  };
  for (const TokenFile& file : {TokenFile{"--node-token-file", given.node_token_file, tokens.node},
                                TokenFile{"--admin-token-file", given.admin_token_file, tokens.admin},
                                TokenFile{"--feed-token-file", given.feed_token_file, tokens.feed}}) {
    if (file.path.empty()) {
      continue;
    }
    auto token = read_token_file(file.path);
    if (!token) {
      return of_option(file.option, token.error());
    }
    file.token = std::move(*token);
  }
  if (!tokens.node.empty() && tokens.node == tokens.admin) {
    return Error(Errc::invalid_config, "options --node-token-file and --admin-token-file hold the same token",
                 "every node would be an admin: make another one for one of them");
  }
  if (!tokens.feed.empty() && (tokens.feed == tokens.node || tokens.feed == tokens.admin)) {
    return Error(Errc::invalid_config,
                 fmt::format("options --feed-token-file and {} hold the same token",
                             tokens.feed == tokens.node ? "--node-token-file" : "--admin-token-file"),
                 "who follows a feed could do more than that: make another one for one of them");
  }
  return tokens;
}

Result<Config> judged(Config config, const Given& given) {
  for (const std::string& text : given.tcp) {
    auto listen = parse_tcp_listen(text);
    if (!listen) {
      return of_option("--listen-tcp", listen.error());
    }
    config.tcp.push_back(std::move(*listen));
  }
  if (!given.metrics.empty()) {
    auto listen = parse_tcp_listen(given.metrics);
    if (!listen) {
      return of_option("--metrics-listen", listen.error());
    }
    config.metrics = std::move(*listen);
  }
  auto tokens = tokens_from(given);
  if (!tokens) {
    return tokens.error();
  }
  config.tokens = std::move(*tokens);
  if (!config.tcp.empty() && config.tokens.node.empty() && config.tokens.admin.empty() && config.tokens.feed.empty()) {
    return Error(Errc::invalid_config, fmt::format("option --listen-tcp {}: TCP needs a token file", given.tcp.front()),
                 "give --node-token-file FILE for agents and gateways, --admin-token-file FILE for mooringctl; or use "
                 "the unix socket alone");
  }
  config.log_level = spdlog::level::from_str(given.log_level);
  config.heartbeat = std::chrono::seconds(given.heartbeat_seconds);
  config.node_silence = std::chrono::seconds(given.node_silence_seconds);
  config.watch_buffer_bytes = std::size_t{given.watch_buffer_kib} * 1024;
  config.change_log_changes = given.change_log_changes;
  return config;
}

}  // namespace

Result<TcpListen> parse_tcp_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  std::string_view address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  } else if (address.find(':') != std::string_view::npos) {
    address = {};  // IPv6 without brackets: where does the port begin?
  }
  boost::system::error_code failure;
  boost::asio::ip::make_address(std::string(address), failure);
  unsigned port = 0;
  const std::string_view digits = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure || digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || port > 65535) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not ADDRESS:PORT", text),
                 "like 172.31.0.10:7480 or [fd00::10]:7480; 0.0.0.0 for all addresses, port 0 for a free one");
  }
  return TcpListen{std::string(address), static_cast<std::uint16_t>(port)};
}

namespace {

CLI::App* add_restore(CLI::App& app, RestoreOrder& order) {
  CLI::App* command = app.add_subcommand("restore", "make the store from a backup, while no controller runs on it");
  command->fallthrough();  // --store may stand behind it
  command->add_option("--from", order.from, "a file that mooringctl backup made, or PATH.before-vN")
      ->required()
      ->type_name("FILE");
  command->add_flag("--force", order.force, "replace the store that is there; it is kept beside the new one");
  command->footer(
      "The store gets a new incarnation. The controller that is started on it only reads, until every node that it\n"
      "knows has said what it holds: mooringctl restore status, mooringctl restore finish --without NODE.\n"
      "\n"
      "Example:\n"
      "  mooring-controller restore --store /var/lib/mooring/controller.db --from /var/backups/mooring.db --force");
  return command;
}

}  // namespace

Parsed parse_options(int argc, const char* const* argv) {
  Parsed parsed;
  Given given;
  Config config;
  CLI::App app(description, "mooring-controller");
  app.footer(example);
  app.set_version_flag("--version", std::string("mooring-controller ") + MOORING_VERSION);
  app.set_config("--config", "", "read options from this file (TOML/INI, names without the dashes)")->type_name("FILE");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--store", config.store_path, "SQLite file; made when it is not there")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--listen-unix", config.unix_path, "unix socket, mode 0600: who can open it is an admin")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("--listen-tcp", given.tcp, "listen on TCP too; needs a token file; may be repeated")
      ->type_name("ADDRESS:PORT");
  app.add_option("--node-token-file", given.node_token_file,
                 "token of agents and gateways, for what they call; mode 0600")
      ->type_name("FILE");
  app.add_option("--admin-token-file", given.admin_token_file, "token for everything; mode 0600")->type_name("FILE");
  app.add_option("--feed-token-file", given.feed_token_file, "token for the feeds of lists alone; mode 0600")
      ->type_name("FILE");
  app.add_option("--metrics-listen", given.metrics,
                 "a door for GET /metrics alone, without a token (the other doors have it for nodes and admins)")
      ->type_name("ADDRESS:PORT");
  app.add_option("--webhook-ca-file", config.webhook_ca_file,
                 "PEM certificates of CAs that receivers of webhooks may have, beside the system's")
      ->type_name("FILE");
  app.add_option("--log-level", given.log_level, "trace, debug, info, warning, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}))
      ->type_name("LEVEL")
      ->capture_default_str();
  app.add_option("--heartbeat-seconds", given.heartbeat_seconds, "between heartbeats on watch streams, 1 to 60")
      ->check(CLI::Range(1, 60))
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option("--node-silence-seconds", given.node_silence_seconds,
                 "a node that was not heard for so long is silent, and may be deleted, 0 to 86400")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option(
         "--watch-buffer-kib", given.watch_buffer_kib,
         "KiB of the newest changes that are kept for watch streams; a reader further behind is ended as too slow")
      ->check(CLI::Range(16, 1048576))
      ->type_name("KIB")
      ->capture_default_str();
  app.add_option("--change-log-changes", given.change_log_changes,
                 "changes kept for readers that resume, 100 to 100000000")
      ->check(CLI::Range(std::size_t{100}, std::size_t{100'000'000}))
      ->type_name("COUNT")
      ->capture_default_str();
  app.add_flag("--print-routes", parsed.print_routes, "print what the HTTP interface answers to, and end");
  RestoreOrder restore;
  CLI::App* restoring = add_restore(app, restore);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int status = app.exit(error, out, err);
    parsed.output = out.str();
    parsed.errors = err.str();
    parsed.exit_code = status == 0 ? 0 : usage_error;
    return parsed;
  }
  if (parsed.print_routes) {
    return parsed;
  }
  auto result = judged(std::move(config), given);
  if (!result) {
    parsed.errors = fmt::format("mooring-controller: {}\n", result.error().text());
    parsed.exit_code = usage_error;
    return parsed;
  }
  parsed.run = true;
  parsed.config = std::move(*result);
  if (restoring->parsed()) {
    parsed.restore = restore;
  }
  return parsed;
}

}  // namespace mooring::controller
