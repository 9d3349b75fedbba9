#include "overlay-gateway/app/announcer.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace mooring::gateway {
namespace {

namespace asio = boost::asio;
using ipam_api::Json;

constexpr std::chrono::seconds interval{1};
constexpr std::string_view show_config = "show running-config";

// Of `show bgp summary json`; what it does not say of a configured neighbor is "unknown".
std::vector<Announcer::Neighbor> neighbors_from(const std::string& text, const BgpSettings& settings) {
  const Json summary = Json::parse(text, nullptr, false);
  const auto part = [](const Json& whole, const char* name) {
    const auto found = whole.is_object() ? whole.find(name) : whole.end();
    return found != whole.end() && found->is_object() ? *found : Json::object();
  };
  std::vector<Announcer::Neighbor> found;
  for (const BgpNeighbor& wanted : settings.neighbors) {
    Announcer::Neighbor neighbor;
    neighbor.address = wanted.address.str();
    neighbor.as = wanted.as;
    neighbor.state = "unknown";
    const Json peers = part(part(summary, wanted.address.is_v4() ? "ipv4Unicast" : "ipv6Unicast"), "peers");
    if (const auto peer = peers.find(neighbor.address); peer != peers.end() && peer->is_object()) {
      neighbor.state = peer->value("state", neighbor.state);
      neighbor.received = peer->value("pfxRcd", neighbor.received);
      neighbor.sent = peer->value("pfxSnt", neighbor.sent);
    }
    found.push_back(std::move(neighbor));
  }
  return found;
}

Result<void> all_up(const std::vector<Announcer::Neighbor>& neighbors) {
  std::vector<std::string> down;
  for (const auto& neighbor : neighbors) {
    if (!neighbor.up()) {
      down.push_back(fmt::format("{} (AS {}) is {}", neighbor.address, neighbor.as, neighbor.state));
    }
  }
  return down.empty()
             ? ok()
             : Result<void>(Error(Errc::unavailable, fmt::format("neighbor {}", fmt::join(down, "; neighbor ")),
                                  "does it run BGP with this gateway's address and AS? vtysh -c 'show bgp neighbors'"));
}

Error refused(const std::string& command, const std::string& said) {
  const auto end = said.find_last_not_of(" \r\n");
  return Error(Errc::internal, fmt::format("bgpd refuses '{}': {}", without_secrets(command),
                                           end == std::string::npos ? "no reason given" : said.substr(0, end + 1)));
}

}  // namespace

Announcer::Announcer(asio::any_io_executor executor, BgpSettings settings, RoutingDaemon& bgpd)
    : bgpd_(bgpd), settings_(std::move(settings)), timer_(executor) {}

void Announcer::want(std::set<net::IpCidr> announced) {
  if (wanted_ != announced) {
    wanted_ = std::move(announced);
    timer_.cancel();
  }
}

void Announcer::stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> Announcer::run(std::function<void()> looked) {
  while (!stopped_) {
    const auto before = wanted_;
    state_ = co_await round();
    looked();
    if (stopped_ || wanted_ != before) {
      continue;
    }
    timer_.expires_after(interval);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<Result<void>> Announcer::round() {
  if (wanted_) {
    Result<void> configured = co_await configure();
    if (!configured) {
      co_return configured;
    }
  }
  Result<void> looked = co_await look_at_neighbors();
  co_return looked;
}

asio::awaitable<Result<void>> Announcer::configure() {
  const auto wanted = *wanted_;
  auto present = co_await bgpd_.ask(std::string(show_config));
  if (!present) {
    co_return present.error();
  }
  const auto commands = bgp_commands(settings_, wanted, bgp_lines(present->text));
  if (!commands) {
    co_return commands.error();
  }
  Result<void> taken = ok();
  for (const std::string& command : *commands) {
    const auto answer = co_await bgpd_.ask(command);
    if (!answer) {
      co_return answer.error();
    }
    if (answer->code != RoutingDaemon::success && taken) {
      taken = refused(command, answer->text);  // the rest is said all the same, to its "end"
    }
  }
  if (!commands->empty() && taken) {
    present = co_await bgpd_.ask(std::string(show_config));
    if (!present) {
      co_return present.error();
    }
    const auto left = bgp_commands(settings_, wanted, bgp_lines(present->text));
    if (left && !left->empty()) {
      std::vector<std::string> shown;
      std::transform(left->begin(), left->end(), std::back_inserter(shown), &without_secrets);
      taken = Error(Errc::internal, fmt::format("bgpd has not kept '{}'", fmt::join(shown, "', '")));
    }
  }
  if (taken && wanted != announced_) {
    announced_ = wanted;
    spdlog::info("bgp: {} subnets are announced to {} neighbors", announced_.size(), settings_.neighbors.size());
  }
  co_return taken;
}

asio::awaitable<Result<void>> Announcer::look_at_neighbors() {
  const auto summary = co_await bgpd_.ask("show bgp summary json");
  if (!summary) {
    neighbors_ = neighbors_from("", settings_);
    co_return summary.error();
  }
  neighbors_ = neighbors_from(summary->text, settings_);
  co_return all_up(neighbors_);
}

}  // namespace mooring::gateway
