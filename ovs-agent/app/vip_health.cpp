#include "ovs-agent/app/vip_health.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ovs-agent/domain/gate.hpp"

namespace mooring::agent {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds look_interval{200};
constexpr std::chrono::milliseconds report_interval{1'000};
constexpr std::chrono::milliseconds report_deadline{900};
constexpr std::size_t most_answer_bytes = 4096;  // up to the end of the status line

// One connection of a check; closed when its time is over.
class Attempt {
 public:
  Attempt(const asio::any_io_executor& executor, std::chrono::milliseconds timeout)
      : socket_(std::make_shared<tcp::socket>(executor)), timer_(executor, timeout) {
    timer_.async_wait([socket = socket_](const boost::system::error_code& cancelled) {
      boost::system::error_code ignored;
      if (!cancelled) {
        socket->close(ignored);
      }
    });
  }
  tcp::socket& socket() { return *socket_; }
  Error failed(const char* doing, const boost::system::error_code& failure) const {
    const bool late = !socket_->is_open() || failure == asio::error::operation_aborted;
    return Error(late ? Errc::timeout : Errc::unavailable,
                 fmt::format("{}: {}", doing, late ? "no answer in time" : failure.message()));
  }

 private:
  std::shared_ptr<tcp::socket> socket_;
  asio::steady_timer timer_;
};

asio::ip::address asio_address(net::IpAddress address) {
  if (address.is_v4()) {
    return asio::ip::address_v4(address.v4().bits());
  }
  asio::ip::address_v6::bytes_type bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<unsigned char>(address.bits() >> (8 * (bytes.size() - 1 - i)) & 0xffU);
  }
  return asio::ip::address_v6(bytes);
}

// "HTTP/1.1 200 OK" (RFC 9112, 4): 200 to 399 is healthy.
Result<void> judge_status(std::string_view line) {
  const auto space = line.find(' ');
  const std::string_view status = space == line.npos ? "" : line.substr(space + 1, 3);
  if (!line.starts_with("HTTP/1.") || status.size() != 3 || status[0] < '1' || status[0] > '9') {
    return Error(Errc::unavailable, "the answer is no HTTP");
  }
  if (status[0] != '2' && status[0] != '3') {
    return Error(Errc::unavailable, fmt::format("it answers {}", status));
  }
  return ok();
}

asio::awaitable<Result<void>> check_once(asio::any_io_executor executor, net::IpAddress address,
                                         directory::VipCheck check) {
  constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result;
  Attempt attempt(executor, std::chrono::milliseconds(check.timeout_ms));
  const tcp::endpoint to(asio_address(address), check.port);
  const auto [refused] = co_await attempt.socket().async_connect(to, as_result);
  if (refused) {
    co_return attempt.failed("connecting", refused);
  }
  if (check.kind == directory::VipCheck::Kind::tcp) {
    co_return ok();
  }
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: mooring-agent\r\nConnection: close\r\n\r\n", check.path,
                  address.is_v4() ? fmt::format("{}:{}", address.str(), check.port)
                                  : fmt::format("[{}]:{}", address.str(), check.port));
  const auto question = asio::buffer(request);
  const auto [unsent, sent] = co_await asio::async_write(attempt.socket(), question, as_result);
  if (unsent) {
    co_return attempt.failed("asking", unsent);
  }
  std::string answer;
  auto buffer = asio::dynamic_buffer(answer, most_answer_bytes);
  const auto [unread, read] = co_await asio::async_read_until(attempt.socket(), buffer, "\r\n", as_result);
  if (unread) {
    co_return attempt.failed("reading the answer", unread);
  }
  co_return judge_status(answer);
}

}  // namespace

bool VipHealth::look() {
  std::map<Probed, directory::VipCheck> wanted;
  bool any = false;
  for (const auto& [name, vip] : state_.directory.vips()) {
    for (const directory::VipBackend& backend : vip.backends) {
      for (const LocalPort* port : state_.ports.at(backend.at)) {
        if (!gate_of(*port, state_.directory).open) {
          continue;
        }
        any = true;
        if (vip.check.kind != directory::VipCheck::Kind::none) {
          Probed probed;
          probed.vip = name;
          probed.at = backend.at;
          probed.generation = port->record.generation;
          wanted.emplace(std::move(probed), vip.check);
        }
      }
    }
  }
  std::erase_if(probes_, [&](const auto& one) {
    const auto still = wanted.find(one.first);
    one.second->wanted = still != wanted.end() && still->second == one.second->check;
    return !one.second->wanted;
  });
  for (const auto& [probed, check] : wanted) {
    if (!probes_.contains(probed)) {
      const auto begun = std::make_shared<Probe>();
      begun->check = check;
      probes_.emplace(probed, begun);
      asio::co_spawn(state_.executor, probe(probed.at.address, begun), asio::detached);
    }
  }
  return any;
}

asio::awaitable<void> VipHealth::probe(net::IpAddress address, std::shared_ptr<Probe> one) {
  while (one->wanted) {
    asio::steady_timer next(state_.executor, std::chrono::milliseconds(one->check.interval_ms));
    const directory::VipCheck check = one->check;
    const Result<void> answered = co_await check_once(state_.executor, address, check);
    if (!one->wanted) {
      co_return;
    }
    judge(*one, answered);
    co_await next.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void VipHealth::judge(Probe& probe, const Result<void>& answered) {
  probe.failures = answered ? 0 : probe.failures + 1;
  if (!answered && probe.failures < probe.check.failures) {
    return;
  }
  if (!probe.decided || probe.healthy != answered.has_value()) {
    probe.decided = true;
    probe.healthy = answered.has_value();
    probe.why = answered ? "" : answered.error().message();
    changed_.notify();
  }
}

ipam_api::Json VipHealth::report() const {
  ipam_api::Json verdicts = ipam_api::Json::array();
  for (const auto& [probed, probe] : probes_) {
    if (probe->decided) {
      verdicts.push_back({{"vip", probed.vip},
                          {"address", probed.at.address.str()},
                          {"healthy", probe->healthy},
                          {"why", probe->why}});
    }
  }
  return {{"node", state_.node}, {"verdicts", std::move(verdicts)}};
}

asio::awaitable<void> VipHealth::run() {
  std::string last;
  auto due = std::chrono::steady_clock::now();
  for (;;) {
    const bool any = look();
    ipam_api::Json now = any ? report() : ipam_api::Json();
    std::string text = any ? now.dump() : std::string();
    if (any && (text != last || std::chrono::steady_clock::now() >= due)) {
      due = std::chrono::steady_clock::now() + report_interval;
      const Result<void> told = co_await report_(std::move(now), after(report_deadline));
      last = std::move(text);
      if (!told) {  // said once by the watch stream; all of it goes again in a second
        spdlog::debug("reporting back ends: {}", told.error().text());
      }
    }
    co_await changed_.wait(after(look_interval));
  }
}

}  // namespace mooring::agent
