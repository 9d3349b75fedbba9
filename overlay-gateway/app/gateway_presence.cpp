// Gateway's half that says whether it takes traffic. To nodes: by the flow that answers their BFD. To other gateways:
// by BFD sessions with them, whose "concatenated path down" says that this one forwards nothing although it is alive.
// To machines of the physical side: by the shared address.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/base/durable_file.hpp"
#include "mooring/directory/gateway_ports.hpp"
#include "overlay-gateway/app/gateway.hpp"

namespace mooring::gateway {
namespace {

constexpr std::chrono::milliseconds presence_interval{100};
constexpr std::chrono::milliseconds pulse_deadline{1500};  // a busy vswitchd is not a dead one
constexpr std::chrono::milliseconds peer_ports_deadline{5000};
constexpr std::chrono::milliseconds announce_soon{200};
constexpr std::chrono::milliseconds announce_again{1000};
constexpr int announcements_at_first = 3;
constexpr std::chrono::milliseconds first_tunnels{2000};    // until nodes' MACs are known: their BFD asks for them
constexpr std::chrono::milliseconds nodes_turn_away{1000};  // three BFD intervals, and some
constexpr std::chrono::milliseconds handing_over{4000};     // both have the address: neither is a wrong way

bool is_liveness(const ovs::Flow& flow) {
  return flow.key.table == table::from_tunnel && flow.key.priority == liveness_priority;
}

bool is_candidacy(const ovs::Flow& flow) {
  return flow.key.table == table::from_election && flow.key.priority == candidacy_priority;
}

bool includes(const ovs::StringMap& all, const ovs::StringMap& part) {
  return std::all_of(part.begin(), part.end(), [&](const auto& item) {
    const auto found = all.find(item.first);
    return found != all.end() && found->second == item.second;
  });
}

// Is there while an operator wants this gateway to be empty: also after a reboot.
std::string drain_mark(const Config& config) {
  return config.state_dir + "/draining";
}

}  // namespace

bool Gateway::may_delete_flow(const ovs::Flow& flow) const {
  return is_liveness(flow)    ? presence_decided_
         : is_candidacy(flow) ? standing_decided_ && directory_.complete()
                              : may_delete(flow, directory_);
}

void Gateway::begin_presence() {
  draining_ = std::filesystem::exists(drain_mark(config_));
  watch_presence();
}

void Gateway::watch_presence() {
  if (stopped_) {
    return;
  }
  PresenceFacts facts;
  facts.draining = draining_;
  facts.connected = flows_->connected();
  facts.links_up = machine_.foot.links_up(config_.underlay_interface);
  facts.whole = is_whole() && directory_.complete();
  take_traffic(gateway::takes_traffic(takes_traffic_, facts));
  stand_for_election(takes_traffic_ && bridging_ && bridging_->may_stand(*ovsdb_->state()));
  feel_pulse();
  ensure_peer_ports();
  facts.connected = facts.connected && pulse_felt_;
  hold_shared_address(takes_traffic_ && pulse_felt_, facts);
  presence_timer_.expires_after(presence_interval);
  presence_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) {
      watch_presence();
    }
  });
}

std::string_view Gateway::service_state() const {
  const bool leaving = Clock::now() < takes_since_ + nodes_turn_away;
  const bool carries = takes_traffic_ || has_shared_address_ || leaving || live_peers().empty();
  return gateway::service_state(takes_traffic_, carries, draining_);
}

Result<ipam_api::Json> Gateway::drain(bool draining, const ipam_api::Json& arguments) {
  const auto live = live_peers();
  if (draining && live.empty() && !arguments.value("force", false)) {
    return Error(
        Errc::in_use,
        fmt::format("draining gateway {}: no other gateway of network {} takes traffic", config_.name, config_.network),
        "start another one first; with --force it is marked, and goes on while it is the only one");
  }
  const std::string mark = drain_mark(config_);
  if (draining) {
    if (const auto written = replace_file(mark, "drained by an operator\n"); !written) {
      return written.error().within(fmt::format("draining gateway {}", config_.name));
    }
  } else {
    std::error_code problem;
    std::filesystem::remove(mark, problem);
    if (problem) {
      return Error(Errc::io, fmt::format("undraining gateway {}: {}: {}", config_.name, mark, problem.message()));
    }
  }
  draining_ = draining;
  look_soon();
  spdlog::info("{} is {}", config_.name, draining ? "drained by an operator" : "no longer drained");
  return ipam_api::Json{{"draining", draining_}, {"live_gateways", live}};
}

void Gateway::take_traffic(bool takes) {
  if (takes == takes_traffic_) {
    return;
  }
  takes_traffic_ = takes;
  presence_decided_ = true;
  takes_since_ = Clock::now();
  spdlog::info("{} {}", config_.name, takes ? "takes traffic" : "takes no more traffic: nodes go to others");
  plan_.answer_liveness(takes);
  program_->update({FlowPlan::liveness_group()});
  flows_->reconsider();
}

void Gateway::feel_pulse() {
  if (pulse_asked_) {
    return;
  }
  pulse_asked_ = true;
  pulse_->dump_groups(pulse_deadline, [this](const Result<std::vector<ovs::Group>>& answer) {
    pulse_asked_ = false;
    pulse_felt_ = answer.has_value();
  });
}

// Of the network's other gateways; what this one says to them changes with what it takes.
void Gateway::ensure_peer_ports() {
  const auto state = ovsdb_->state();
  const auto* bridge = state->bridge(tunnel_bridge);
  if (committing_peers_ || !state->connected || !switch_whole_ || bridge == nullptr) {
    return;
  }
  std::vector<ovs::OvsdbOperation> changes;
  std::set<std::string> wanted;
  for (const auto& peer : directory::gateway_ports(directory_)) {
    if (peer.vtep == vtep_ || peer.network != config_.network) {
      continue;
    }
    wanted.insert(peer.interface);
    auto port = underlay::gateway_port(tunnel_bridge, peer.interface, peer.ofport, vtep_, peer.vtep);
    port.bfd["cpath_down"] = takes_traffic_ ? "false" : "true";
    const auto* interface = state->interface(tunnel_bridge, peer.interface);
    if (interface == nullptr || !includes(interface->bfd, port.bfd) || !includes(interface->options, port.options)) {
      changes.emplace_back(std::move(port));
    }
  }
  for (const auto& [name, interface] : bridge->interfaces) {
    if (directory_.complete() && name.starts_with(directory::gateway_port_prefix) && !wanted.contains(name)) {
      ovs::DeletePort port;
      port.bridge = tunnel_bridge;
      port.name = name;
      changes.emplace_back(std::move(port));
    }
  }
  if (changes.empty()) {
    return;
  }
  ovs::OvsdbTransaction transaction;
  transaction.purpose = "making the ports to other gateways";
  transaction.operations = std::move(changes);
  transaction.deadline = peer_ports_deadline;
  transaction.wait_for_vswitchd = false;
  committing_peers_ = true;
  ovsdb_->commit(std::move(transaction), [this](const Result<void>& done) {
    committing_peers_ = false;
    if (!done) {
      spdlog::warn("{}", done.error().text());
    }
  });
}

std::set<std::string> Gateway::live_peers() const {
  std::set<std::string> live;
  const auto state = ovsdb_ ? ovsdb_->state() : nullptr;
  for (const auto& peer : directory::gateway_ports(directory_)) {
    const auto* interface = state ? state->interface(tunnel_bridge, peer.interface) : nullptr;
    if (interface != nullptr && interface->bfd_forwarding && peer.network == config_.network && peer.vtep != vtep_) {
      live.insert(peer.gateway);
    }
  }
  return live;
}

void Gateway::hold_shared_address(bool takes, const PresenceFacts& facts) {
  if (config_.shared_addresses.empty()) {
    return;
  }
  const auto now = Clock::now();
  const auto addresses = config_.shared_addresses.all();
  if (!presence_decided_ && facts.connected && facts.links_up) {
    // Of an earlier life: nothing is known against it yet.
    has_shared_address_ = std::any_of(addresses.begin(), addresses.end(),
                                      [&](net::IpAddress one) { return machine_.foot.holds_address(one); });
    return;
  }
  const auto live = live_peers();
  const bool early = takes && !has_shared_address_ && !live.empty() && now < takes_since_ + first_tunnels;
  const bool wanted = !early && gateway::has_shared_address(config_.name, takes, facts, live);
  if (wanted) {
    let_go_at_ = now + handing_over;
  }
  const bool may_wait = facts.connected && facts.links_up;
  const bool held = wanted || (has_shared_address_ && may_wait && now < let_go_at_);
  has_shared_address_ = have_shared_addresses(held) && held;
  if (has_shared_address_ && wanted && now >= announce_at_) {
    Result<void> told = ok();
    for (const net::IpAddress address : addresses) {
      const auto one = machine_.foot.announce(address);
      told = told ? one : told;
    }
    settle("announcing", told);
    announce_at_ = now + (++announcements_ < announcements_at_first ? announce_soon : announce_again);
  }
}

// True if one of them at least is as it should be: that one is announced then, whatever is wrong with the other.
bool Gateway::have_shared_addresses(bool held) {
  Result<void> all = ok();
  bool some = false;
  for (const net::IpAddress address : config_.shared_addresses.all()) {
    const auto changed = machine_.foot.hold_address(address, held);
    if (!changed) {
      all = changed.error();
      continue;
    }
    some = true;
    if (*changed) {
      spdlog::info("{} {} {}", config_.name, held ? "has" : "lets go of", address.str());
      announcements_ = 0;
      announce_at_ = Clock::now();
    }
  }
  settle("shared address", all);
  return some;
}

}  // namespace mooring::gateway
