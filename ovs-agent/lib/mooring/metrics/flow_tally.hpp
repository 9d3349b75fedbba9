// What the packet counters of a bridge's flows add up to, by what the flows mean. Flows come and go and a restarted
// switch counts from nought; the sums only grow: each dump adds what is more than in the dump before it.
//
// Size: one entry for each flow that means something, of the last dump. Pure. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mooring/metrics/flow_meaning.hpp"
#include "mooring/ovs/openflow.hpp"

namespace mooring::metrics {

class FlowTally {
 public:
  struct Count {
    std::uint64_t packets = 0, bytes = 0;
  };
  using Meaning = std::function<FlowMeaning(const ovs::Flow&)>;
  using Sums = std::map<std::string, Count, std::less<>>;  // by label

  explicit FlowTally(Meaning meaning) : meaning_(std::move(meaning)) {}

  // All flows of the bridge, as the switch told them.
  void take(const std::vector<ovs::FlowEntry>& dump);

  const Sums& drops() const { return drops_; }
  const Sums& forwarded() const { return forwarded_; }
  // Of the last dump.
  const std::map<std::uint8_t, std::size_t>& flows_by_table() const { return tables_; }

 private:
  struct Seen {
    Count count;
    std::uint32_t duration_seconds = 0;
  };
  Meaning meaning_;
  std::unordered_map<ovs::FlowKey, Seen> seen_;
  Sums drops_, forwarded_;
  std::map<std::uint8_t, std::size_t> tables_;
};

}  // namespace mooring::metrics
