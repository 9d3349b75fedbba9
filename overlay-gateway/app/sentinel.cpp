#include "overlay-gateway/app/sentinel.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "mooring/ipam_api/json_fields.hpp"
#include "overlay-gateway/domain/bridge_plan.hpp"

namespace mooring::gateway {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto between_looks = 250ms;
constexpr std::size_t frames_a_look = 500;
constexpr std::size_t max_pairs = 1000;
constexpr std::size_t pairs_a_report = 100;
constexpr auto told_again = 10s;
constexpr auto own_mac_again = 60s;  // the controller forgets with its process
constexpr auto after_failure = 5s;
constexpr auto report_within = 5s;

}  // namespace

Sentinel::Sentinel(asio::any_io_executor executor, const directory::Directory& directory, Segment& segment,
                   Segment* trunk, SentinelSettings settings)
    : directory_(directory),
      segment_(segment),
      trunk_(trunk),
      settings_(std::move(settings)),
      client_(executor, settings_.controller, http::ClientOptions{.token = settings_.token, .connections = 1}),
      timer_(executor) {}

void Sentinel::stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> Sentinel::run(std::function<void(const Result<void>&)> state) {
  constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};
  while (!stopped_) {
    state(hear());
    co_await tell();
    timer_.expires_after(between_looks);
    const std::tuple<boost::system::error_code> waited = co_await timer_.async_wait(as_result);
    static_cast<void>(waited);
  }
}

// Given out by a pool, or held by somebody: any other address of a subnet may be a machine's.
bool Sentinel::is_ours(net::IpAddress address) const {
  const directory::Place place = directory_.locate(settings_.network, address);
  return place.what == directory::Place::What::port || place.what == directory::Place::What::pool_range ||
         (place.subnet != nullptr && place.subnet->gateway == address);
}

void Sentinel::claimed(const underlay::AddressClaim& claim, std::string where) {
  ++heard_;
  Claimed key{claim.address, claim.mac, std::move(where)};
  if (pairs_.size() < max_pairs || pairs_.contains(key)) {
    ++pairs_[std::move(key)].untold;
  }
}

// A frame with a tag is of another network.
Result<void> Sentinel::hear() {
  const auto heard = segment_.hear(frames_a_look);
  for (const SegmentClaim& one : heard ? *heard : std::vector<SegmentClaim>()) {
    if (one.vlan == 0 && one.claim.mac != segment_.own_mac() && is_ours(one.claim.address)) {
      claimed(one.claim, settings_.interface);
    }
  }
  const auto on_trunk = hear_trunk();
  return heard ? on_trunk : Result<void>(heard.error());
}

// Of a bridged subnet its VLAN alone counts, and there the gateways answer with a MAC of the subnet.
Result<void> Sentinel::hear_trunk() {
  if (trunk_ == nullptr) {
    return ok();
  }
  const auto heard = trunk_->hear(frames_a_look);
  if (!heard || heard->empty()) {
    return heard ? ok() : Result<void>(heard.error());
  }
  const auto bridged = bridged_subnets(directory_, settings_.network);
  for (const SegmentClaim& one : *heard) {
    const auto subnet = std::find_if(bridged.begin(), bridged.end(), [&](const BridgedSubnet& known) {
      return known.vlan == one.vlan && known.block_of(one.claim.address) != nullptr;
    });
    if (subnet != bridged.end() && one.claim.mac.str() != subnet->mac() && is_ours(one.claim.address)) {
      claimed(one.claim, one.vlan == 0 ? settings_.bridge_interface
                                       : fmt::format("{} VLAN {}", settings_.bridge_interface, one.vlan));
    }
  }
  return ok();
}

asio::awaitable<void> Sentinel::tell() {
  const Clock::time_point now = Clock::now();
  ipam_api::Json sightings = ipam_api::Json::array();
  std::vector<std::pair<Pair*, std::uint64_t>> told;
  for (auto it = pairs_.begin(); it != pairs_.end();) {
    auto& [key, pair] = *it;
    const bool rested = pair.told == Clock::time_point{} || now >= pair.told + told_again;
    if (pair.untold == 0 && rested) {
      it = pairs_.erase(it);
      continue;
    }
    if (rested && sightings.size() < pairs_a_report) {
      sightings.push_back(
          {{"address", key.address.str()}, {"mac", key.mac.str()}, {"interface", key.where}, {"count", pair.untold}});
      told.emplace_back(&pair, pair.untold);
    }
    ++it;
  }
  const bool introduces = told_ == Clock::time_point{} || now >= told_ + own_mac_again;
  if (now < not_before_ || !directory_.complete() || (sightings.empty() && !(introduces && segment_.own_mac()))) {
    co_return;
  }
  ipam_api::Json report = {{"role", "gateway"}, {"name", settings_.name}};
  if (segment_.own_mac()) {
    report["own_mac"] = segment_.own_mac()->str();
  }
  report["sightings"] = std::move(sightings);
  std::string method = "POST";
  std::string target = "/v1/sightings";
  std::string body = report.dump();
  const http::Deadline deadline = http::after(report_within);
  const Result<http::Response> answer =
      co_await client_.request(std::move(method), std::move(target), std::move(body), deadline);
  if (!answer || !answer->ok()) {
    // A controller that is away is told of elsewhere; one of an earlier version knows no sightings.
    not_before_ = Clock::now() + after_failure;
    co_return;
  }
  told_ = now;
  for (const auto& [pair, count] : told) {
    pair->untold -= count;
    pair->told = now;
  }
}

}  // namespace mooring::gateway
