// Looks at the whole now and then and tells what a person should know: pools that run out, nodes that fall silent,
// gateways that are drained, a store that fails, where the audit ledger stands. What it tells depends on what is, not
// on what it saw happen: nothing is missed because the controller was away, and nothing is told twice because it came
// back.
//
// Threading: Ipam's thread. No clock of its own: look() is called by the wiring, once a second.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ipam-controller/domain/pool_alarms.hpp"
#include "ipam-controller/domain/time_to_empty.hpp"

namespace mooring::controller {

class State;

class Lookout {
 public:
  static constexpr std::int64_t silent_after_ms = 60'000;
  static constexpr std::int64_t audit_head_every_ms = 60'000;

  using Tell = std::function<void(EventRecord)>;
  // When a machine was heard last (Unix ms), and whether it is connected now. `kind` is "node" or "gateway".
  struct Presence {
    bool live = false;
    std::optional<std::int64_t> last_heard_ms;
    std::string state{};  // of a gateway, as it says itself; "": not known
  };
  using PresenceOf = std::function<Presence(const std::string& kind, const std::string& name)>;
  struct AuditHead {
    std::uint64_t sequence = 0;
    std::string hash;
  };
  struct StoreHealth {
    std::uint64_t failed_batches = 0;
    std::uint64_t batches = 0;
  };

  // `now_ms`: the start of the controller; nobody is silent before he had a minute to speak.
  Lookout(std::int64_t now_ms, PresenceOf presence, Tell tell);

  // Before the first look: events that were told in earlier lives, in order.
  void recall(const EventRecord& event);

  void look_at(const State& state, std::int64_t now_ms);
  void look_at(const AuditHead& head, std::int64_t now_ms);
  void look_at(const StoreHealth& store, std::int64_t now_ms);
  // Also between the looks at everything: when the gateway has said something.
  void look_at_drain(const std::string& gateway);

  // By pool and family ("v4", "v6"); infinity: not shrinking, or not known.
  double seconds_to_empty(const std::string& pool, bool v6) const;

 private:
  void look_at_machine(const std::string& kind, const std::string& name, std::int64_t now_ms);

  std::int64_t started_ms_;
  PresenceOf presence_;
  Tell tell_;
  PoolAlarms pools_;
  std::map<std::pair<std::string, bool>, TimeToEmpty> forecasts_;
  std::set<std::string> silent_;   // "node/h1": told so
  std::set<std::string> drained_;  // "gateway/gw1": the same
  std::uint64_t told_head_ = 0;
  std::int64_t head_told_ms_ = 0;
  std::optional<StoreHealth> store_;
  std::int64_t failing_since_ms_ = 0;  // 0: the store works
  std::uint64_t failed_before_ = 0;
};

}  // namespace mooring::controller
