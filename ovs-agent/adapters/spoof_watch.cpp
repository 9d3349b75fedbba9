#include "ovs-agent/adapters/spoof_watch.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/underlay/address_claim.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto between_reports = 500ms;
constexpr auto claim_told_again = 10s;
constexpr auto sightings_within = 5s;
constexpr std::size_t max_claims = 100;
constexpr int copied_of_a_claim = 80;  // bytes, as underlay/address_claim.hpp asks for

}  // namespace

void desire_spoof_copies(ovs::FlowSync& br_int) {
  ovs::FlowSync::MeterWishes meters;
  meters.desired.push_back(ovs::Meter{spoof_meter, ovs::Meter::Unit::pktps, 10, 10});
  std::vector<ovs::FlowChange> copies;
  for (const auto& [priority, match] :
       {std::pair(spoof_copy_priority, "arp"), std::pair(spoof_advert_priority, "icmp6,icmp_type=136")}) {
    const auto copied = ovs::parse_flow(
        fmt::format("table={},priority={},cookie=0x{:x},{},actions=controller(max_len={},userdata={:02x},meter_id={})",
                    int_table::spoof_guard, priority, cookie_of(FlowOwner::fixed), match, copied_of_a_claim,
                    spoof_copy_kind, spoof_meter));
    if (!copied) {
      throw std::logic_error("the flow of spoofed claims cannot be read: " + copied.error().text());
    }
    copies.push_back(ovs::FlowChange{ovs::FlowChange::Kind::add, *copied});
  }
  br_int.change(std::move(copies), meters);
}

SpoofWatch::SpoofWatch(NodeState& state, const std::string& bridge, http::Endpoint controller, const std::string& token)
    : state_(state),
      client_(state.executor, std::move(controller), http::ClientOptions{.token = token, .connections = 1}),
      packets_(std::make_unique<ovs::OpenFlowPackets>(
          bridge, [executor = state.executor](std::function<void()> work) { asio::post(executor, std::move(work)); },
          [this](std::vector<ovs::PacketIn> packets) { received(packets); })) {}

asio::awaitable<void> SpoofWatch::run() {
  asio::steady_timer timer(state_.executor);
  constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};
  while (true) {
    timer.expires_after(between_reports);
    const std::tuple<boost::system::error_code> waited = co_await timer.async_wait(as_result);
    if (std::get<0>(waited)) {
      co_return;
    }
    co_await tell();
  }
}

void SpoofWatch::received(const std::vector<ovs::PacketIn>& packets) {
  for (const ovs::PacketIn& packet : packets) {
    const bool ours = !packet.userdata.empty() && packet.userdata.front() == spoof_copy_kind;
    const std::string frame(packet.data.begin(), packet.data.end());
    const auto claim = ours ? underlay::address_claim_in(frame) : std::nullopt;
    if (!claim) {
      continue;
    }
    for (const auto& [attachment, port] : state_.ports.all()) {
      if (port.ofport != packet.in_port) {
        continue;
      }
      const std::tuple key(attachment.str(), claim->address, claim->mac);
      if (claims_.size() < max_claims || claims_.contains(key)) {
        Claim& known = claims_[key];
        known.vni = port.record.vni.value();
        ++known.untold;
      }
    }
  }
}

asio::awaitable<void> SpoofWatch::tell() {
  const Clock::time_point now = Clock::now();
  ipam_api::Json sightings = ipam_api::Json::array();
  std::vector<std::pair<Claim*, std::uint64_t>> told;
  for (auto it = claims_.begin(); it != claims_.end();) {
    auto& [key, claim] = *it;
    const bool rested = claim.told == Clock::time_point{} || now >= claim.told + claim_told_again;
    if (rested && claim.untold == 0) {
      it = claims_.erase(it);
      continue;
    }
    if (rested) {
      sightings.push_back({{"vni", claim.vni},
                           {"address", std::get<1>(key).str()},
                           {"mac", std::get<2>(key).str()},
                           {"attachment", std::get<0>(key)},
                           {"count", claim.untold}});
      told.emplace_back(&claim, claim.untold);
    }
    ++it;
  }
  if (sightings.empty()) {
    co_return;
  }
  ipam_api::Json report = {{"role", "node"}, {"name", state_.node}};
  report["sightings"] = std::move(sightings);
  std::string method = "POST";
  std::string target = "/v1/sightings";
  std::string body = report.dump();
  const http::Deadline deadline = http::after(sightings_within);
  const Result<http::Response> answer =
      co_await client_.request(std::move(method), std::move(target), std::move(body), deadline);
  for (const auto& [claim, count] : told) {
    claim->told = now;  // also if it was not taken: the next attempt is not sooner
    claim->untold -= answer && answer->ok() ? count : 0;
  }
}

}  // namespace mooring::agent
