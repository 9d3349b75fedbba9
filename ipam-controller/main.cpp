// Wiring: which store, which doors, in which order things start and end.
#include <csignal>
#include <filesystem>
#include <functional>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/api.hpp"
#include "ipam-controller/api/feed_hub.hpp"
#include "ipam-controller/api/listed_blocks.hpp"
#include "ipam-controller/api/metrics.hpp"
#include "ipam-controller/api/vip_keeper.hpp"
#include "ipam-controller/api/watch_hub.hpp"
#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/app/restoration.hpp"
#include "ipam-controller/config.hpp"
#include "ipam-controller/observe/observatory.hpp"
#include "ipam-controller/store/sqlite_restore.hpp"
#include "ipam-controller/store/sqlite_store.hpp"
#include "mooring/http/server.hpp"

namespace mooring::controller {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr int could_not_run = 1;
constexpr auto goodbye_patience = 2s;  // for readers of watch streams and feeds to take their last line

void start_log(spdlog::level::level_enum level) {
  auto log = spdlog::stderr_logger_st("mooring-controller");
  log->set_level(level);
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  spdlog::set_default_logger(std::move(log));
}

// Each watch stream is a file descriptor, and the usual soft limit is 1024.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

Result<void> ensure_folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code failure;
  if (!folder.empty() && !std::filesystem::create_directories(folder, failure) && failure) {
    return Error(Errc::io, fmt::format("making the folder {}: {}", folder.string(), failure.message()));
  }
  return ok();
}

Result<void> listen(http::Server& server, const Config& config) {
  if (auto made = ensure_folder_of(config.unix_path); !made) {
    return made.error().within("option --listen-unix");
  }
  if (auto open = server.listen_unix(config.unix_path); !open) {
    return open.error().within("option --listen-unix");
  }
  for (const TcpListen& tcp : config.tcp) {
    if (auto open = server.listen_tcp(tcp.address, tcp.port); !open) {
      return open.error().within("option --listen-tcp");
    }
    spdlog::info("listening on {} port {}", tcp.address, server.tcp_port());
  }
  spdlog::info("listening on {}", config.unix_path);
  return ok();
}

Result<void> listen_for_metrics(http::Server& server, const TcpListen& tcp) {
  if (auto open = server.listen_tcp(tcp.address, tcp.port); !open) {
    return open.error().within("option --metrics-listen");
  }
  spdlog::info("metrics on {} port {}", tcp.address, server.tcp_port());
  return ok();
}

Observatory::Sources sources_of(const Ipam& ipam, const WatchHub& hub, const http::Server& server) {
  Observatory::Sources sources;
  sources.presence = [&hub](const std::string& kind, const std::string& name) {
    const auto role = kind == "node" ? ipam_api::Role::node : ipam_api::Role::gateway;
    const WatchHub::Presence known = hub.presence(role, name);
    Lookout::Presence presence;
    presence.live = known.live;
    presence.state = known.state;
    if (known.last_heard) {
      presence.last_heard_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(known.last_heard->time_since_epoch()).count();
    }
    return presence;
  };
  sources.audit_head = [&ipam] {
    const AuditHead head = ipam.audit_head();
    return Lookout::AuditHead{head.seq, head.hash};
  };
  sources.read_only = [&ipam] { return ipam.restoring(); };
  sources.watch_streams = [&hub] { return hub.streams(); };
  sources.http_connections = [&server] { return server.connections(); };
  return sources;
}

// Ends in order: readers are told, then the doors close, then whatever still runs comes to its end.
class Shutdown {
 public:
  Shutdown(asio::io_context& io, WatchHub& hub, ListedBlocks& listed, FeedHub& feeds, Observatory& observatory,
           http::Server& server, std::function<void()> at_the_end)
      : hub_(hub),
        listed_(listed),
        feeds_(feeds),
        observatory_(observatory),
        server_(server),
        at_the_end_(std::move(at_the_end)),
        signals_(io, SIGTERM, SIGINT),
        timer_(io) {
    signals_.async_wait([this](const boost::system::error_code& failure, int signal) {
      if (!failure) {
        spdlog::info("ending: {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
        begin();
      }
    });
  }

  void begin() {
    hub_.shutdown();
    listed_.stop();
    feeds_.stop();
    observatory_.stop();
    give_up_ = std::chrono::steady_clock::now() + goodbye_patience;
    look();
  }

 private:
  void look() {
    if ((hub_.streams() == 0 && feeds_.waiting() == 0) || std::chrono::steady_clock::now() >= give_up_) {
      server_.stop();
      signals_.cancel();
      at_the_end_();
      return;
    }
    timer_.expires_after(10ms);
    timer_.async_wait([this](const boost::system::error_code&) { look(); });
  }

  WatchHub& hub_;
  ListedBlocks& listed_;
  FeedHub& feeds_;
  Observatory& observatory_;
  http::Server& server_;
  std::function<void()> at_the_end_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point give_up_;
};

// What ends by itself is looked for when nothing else happens.
class Ticker {
 public:
  Ticker(asio::io_context& io, Ipam& ipam) : ipam_(ipam), timer_(io) { wait(); }
  void stop() { timer_.cancel(); }

 private:
  void wait() {
    timer_.expires_after(1s);
    timer_.async_wait([this](const boost::system::error_code& failure) {
      if (!failure) {
        ipam_.tick();
        wait();
      }
    });
  }

  Ipam& ipam_;
  asio::steady_timer timer_;
};

int restore(const Config& config, const RestoreOrder& order) {
  RestoreRequest request;
  request.from = order.from;
  request.to = config.store_path;
  request.force = order.force;
  const bool watched = ::isatty(STDERR_FILENO) == 1;
  const Progress progress = [watched](std::uint64_t done, std::uint64_t total) {
    if (watched) {
      fmt::print(stderr, "\r{} of {} MiB{}", done >> 20, total >> 20, done == total ? "\n" : "");
    }
  };
  const Result<RestoredStore> made = restore_store(request, progress);
  if (!made) {
    fmt::print(stderr, "mooring-controller: {}\n", made.error().text());
    return made.error().info().exit_code;
  }
  fmt::print("{} is restored: revision {}, as a new incarnation\n", request.to, made->revision);
  if (!made->replaced.empty()) {
    fmt::print("the store that was there is kept as {}\n", made->replaced);
  }
  fmt::print("it only reads until the nodes have said what they hold: mooringctl restore status\n");
  return 0;
}

int run(const Config& config) {
  asio::io_context io(1);
  const Post post = [&io](std::function<void()> work) { asio::post(io, std::move(work)); };

  SqliteOptions store_options;
  store_options.path = config.store_path;
  store_options.change_log_limit = config.change_log_changes;
  if (auto made = ensure_folder_of(config.store_path); !made) {
    spdlog::critical("option --store: {}", made.error().text());
    return could_not_run;
  }
  const auto store = SqliteStore::open(store_options, post);
  if (!store) {
    spdlog::critical("option --store: {}", store.error().text());
    return could_not_run;
  }
  for (const char* ending : {".backup", ".backup.part"}) {  // of a controller that was killed while it sent one
    std::error_code ignored;
    std::filesystem::remove(config.store_path + ending, ignored);
  }
  WebhookOptions webhook_options;
  auto trust = http::TlsTrust::load(config.webhook_ca_file);
  if (!trust) {
    spdlog::critical("option --webhook-ca-file: {}", trust.error().text());
    return could_not_run;
  }
  webhook_options.trust = std::move(*trust);
  Ipam ipam(**store, post);
  Observatory observatory(io.get_executor(), ipam, webhook_options);
  ipam.observe(observatory);
  if (auto started = ipam.start(); !started) {
    spdlog::critical("option --store: {}", started.error().text());
    return could_not_run;
  }
  spdlog::info("store {}: incarnation {}, revision {}", config.store_path, ipam.incarnation(),
               ipam.committed_revision());

  if (ipam.restoring()) {
    spdlog::warn(
        "the store was made from a backup: it only reads until the nodes have said what they hold; mooringctl "
        "restore status tells who has");
  }

  WatchOptions watch_options;
  watch_options.heartbeat = config.heartbeat;
  watch_options.node_silence = config.node_silence;
  watch_options.live_bytes = config.watch_buffer_bytes;
  WatchHub hub(io.get_executor(), ipam, watch_options);
  hub.start();
  ::malloc_trim(0);  // what only the start needed goes back to the system

  Restoration restoration(ipam);
  FeedHub feeds(io.get_executor(), ipam);
  ListedBlocks listed(io.get_executor(), ipam, feeds);
  listed.start();
  VipKeeper vips(io.get_executor(), ipam);
  Services services{ipam, hub, observatory, restoration, feeds, vips, config.store_path + ".backup"};
  services.inventories->listen([&restoration](const std::string& node, const Inventories::Report& report) {
    restoration.heard(node, report.inventory);
  });
  Api api(std::move(services), config.tokens);
  http::Limits limits;
  limits.body_bytes_of = [&api](const http::Request& head) { return api.body_bytes_of(head); };
  http::Server server(
      io.get_executor(), [&api](http::Request request) { return api.answer(std::move(request)); }, limits);
  server.on_fault([](const std::string& fault) { spdlog::error("http: {}", fault); });
  http::Server metrics_server(io.get_executor(), [&observatory](http::Request request) {
    return answer_metrics_only(observatory, std::move(request));
  });
  observatory.start(sources_of(ipam, hub, server));
  Ticker ticker(io, ipam);
  Shutdown shutdown(io, hub, listed, feeds, observatory, server, [&] {
    metrics_server.stop();
    vips.stop();
    ticker.stop();
  });

  int status = 0;
  const auto open_doors = [&] {
    if (auto open = listen(server, config); !open) {
      spdlog::critical("{}", open.error().text());
      status = could_not_run;
      shutdown.begin();
      return;
    }
    if (config.metrics) {
      if (auto open = listen_for_metrics(metrics_server, *config.metrics); !open) {
        spdlog::critical("{}", open.error().text());
        status = could_not_run;
        shutdown.begin();
        return;
      }
    }
    spdlog::info("ready");
  };
  if (ipam.committed_revision() == 0) {
    Network network;
    network.name = default_network;
    const Caller caller{
        {Actor::Kind::system, "first-start", ""}, "the network of everything that names none", false, std::nullopt};
    ipam.create<Network>(caller, network, [&](Result<Network> made) {
      if (!made) {
        spdlog::critical("making the network '{}' at the first start: {}", default_network, made.error().text());
        status = could_not_run;
        shutdown.begin();
        return;
      }
      open_doors();
    });
  } else {
    open_doors();
  }
  io.run();
  spdlog::info("ended");
  return status;
}

}  // namespace
}  // namespace mooring::controller

int main(int argc, char** argv) {
  using namespace mooring::controller;
  const Parsed parsed = parse_options(argc, argv);
  fmt::print(stdout, "{}", parsed.print_routes ? routes_text() : parsed.output);
  fmt::print(stderr, "{}", parsed.errors);
  if (!parsed.run) {
    return parsed.exit_code;
  }
  std::signal(SIGPIPE, SIG_IGN);
  start_log(parsed.config.log_level);
  raise_file_limit();
  try {
    if (parsed.restore) {
      return restore(parsed.config, *parsed.restore);
    }
    return run(parsed.config);
  } catch (const std::exception& broken) {
    spdlog::critical("broken: {}", broken.what());
    return could_not_run;
  }
}
