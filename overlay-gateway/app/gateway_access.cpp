// What access rules do on this gateway, told: by their names in traces, counted, in the status.
#include <algorithm>
#include <memory>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "overlay-gateway/app/gateway.hpp"
#include "overlay-gateway/domain/access_plan.hpp"

namespace mooring::gateway {

namespace asio = boost::asio;
using metrics::FlowTally;

std::string Gateway::named_rule(std::uint64_t cookie) const {
  const auto id = access_id_of(cookie);
  const auto* rule = id ? access_rule_with(directory_, config_.network, *id) : nullptr;
  return rule == nullptr ? std::string()
                         : fmt::format("access rule {} ({}, order {})", rule->name, to_string(rule->terms.action),
                                       rule->terms.order);
}

// Of the flows that decide; clauses of a conjunction count nothing.
metrics::FlowMeaning Gateway::meaning_for_rules(const ovs::Flow& flow) {
  const bool decides = is_access_flow(flow.key) && !flow.actions.starts_with("conjunction");
  const auto id = decides ? access_id_of(flow.cookie) : std::nullopt;
  const auto* rule = id ? access_rule_with(directory_, config_.network, *id) : nullptr;
  if (rule == nullptr) {
    return {};
  }
  return {metrics::FlowMeaning::Kind::forward, *rules_met_.insert(rule->name).first};
}

void Gateway::count_rules(const std::vector<ovs::FlowEntry>& dump) {
  rule_tally_.take(dump);
}

namespace {

FlowTally::Count count_of(const FlowTally& tally, const std::string& rule) {
  const auto counted = tally.forwarded().find(rule);
  return counted == tally.forwarded().end() ? FlowTally::Count() : counted->second;
}

}  // namespace

asio::awaitable<Result<ipam_api::Json>> Gateway::rule_use(ipam_api::Json arguments) {
  ipam_api::Fields fields(arguments, "rule-use", ipam_api::Fields::Unknown::ignore);
  const std::string name = fields.string("rule");
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  auto refresh = [this](auto handler) {
    const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto done = [shared] { std::move (*shared)(); };
    if (switch_watch_) {
      switch_watch_->refresh(std::move(done));
    } else {
      done();
    }
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(refresh), asio::use_awaitable);
  const auto rule = directory_.access_rules().find(name);
  if (rule == directory_.access_rules().end() || rule->second.terms.network != config_.network) {
    co_return Error(Errc::not_found, fmt::format("access rule {} has not come here yet", name),
                    "is the gateway's stream from the controller open? mooringctl get gateways");
  }
  const FlowTally::Count count = count_of(rule_tally_, name);
  ipam_api::Json use;
  use["flows"] = access_rule_lines(directory_, rule->second).size();
  use["packets"] = count.packets;
  use["bytes"] = count.bytes;
  co_return use;
}

ipam_api::Json Gateway::access_status() const {
  ipam_api::Json rules = ipam_api::Json::array();
  for (const auto& [name, rule] : directory_.access_rules()) {
    if (rule.terms.network == config_.network) {
      rules.push_back({{"name", name},
                       {"direction", to_string(rule.terms.direction)},
                       {"order", rule.terms.order},
                       {"action", to_string(rule.terms.action)}});
    }
  }
  return rules;
}

void Gateway::expose_rules(metrics::Exposition& out) const {
  const auto each = [this, &out](std::uint64_t FlowTally::Count::*what) {
    for (const auto& [name, rule] : directory_.access_rules()) {
      if (rule.terms.network == config_.network) {
        const std::string direction = to_string(rule.terms.direction);
        const std::string action = to_string(rule.terms.action);
        out.sample(count_of(rule_tally_, name).*what, {{"rule", name}, {"direction", direction}, {"action", action}});
      }
    }
  };
  out.counter("mooring_gateway_rule_packets_total", "Packets that this access rule decided");
  each(&FlowTally::Count::packets);
  out.counter("mooring_gateway_rule_bytes_total", "Bytes that this access rule decided");
  each(&FlowTally::Count::bytes);
}

}  // namespace mooring::gateway
