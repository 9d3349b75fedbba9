// The flows of one bridge, asked for when somebody wants figures: a connection of its own, so that asking never waits
// behind programming. Callers share an answer: one that is younger than a second is not asked for again.
//
// Errors: none come out; without a switch the last sums stay. Threading: the owner's thread, callbacks too.
// Performance: about 10 us a flow, on the connection's thread and the owner's together.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "mooring/metrics/flow_tally.hpp"
#include "mooring/ovs/flow_sync.hpp"

namespace mooring::metrics {

class SwitchWatch {
 public:
  // `look`: gets every dump, too.
  using Look = std::function<void(const std::vector<ovs::FlowEntry>&)>;
  SwitchWatch(const ovs::FlowSync::Dial& dial, FlowTally::Meaning meaning, Look look = {});
  SwitchWatch(const SwitchWatch&) = delete;
  SwitchWatch& operator=(const SwitchWatch&) = delete;

  // Calls back once the tally is up to date, or after two seconds.
  void refresh(std::function<void()> done);
  const FlowTally& tally() const { return tally_; }

 private:
  void answer();

  FlowTally tally_;
  Look look_;
  bool connected_ = false;
  bool asked_ = false;
  std::chrono::steady_clock::time_point last_{};
  std::vector<std::function<void()>> waiting_;
  std::unique_ptr<ovs::FlowChannel> channel_;  // last: it goes first, and with it all its callbacks
};

}  // namespace mooring::metrics
