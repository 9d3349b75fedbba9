#include "mooring/metrics/flow_tally.hpp"

namespace mooring::metrics {

void FlowTally::take(const std::vector<ovs::FlowEntry>& dump) {
  std::unordered_map<ovs::FlowKey, Seen> now;
  tables_.clear();
  for (const ovs::FlowEntry& entry : dump) {
    ++tables_[entry.flow.key.table];
    const FlowMeaning meaning = meaning_(entry.flow);
    if (meaning.kind == FlowMeaning::Kind::nothing) {
      continue;
    }
    Sums& sums = meaning.kind == FlowMeaning::Kind::drop ? drops_ : forwarded_;
    const auto known = sums.find(meaning.label);
    Count& sum = known != sums.end() ? known->second : sums[std::string(meaning.label)];
    const auto before = seen_.find(entry.flow.key);
    // A younger flow, or one that counted less: it was made anew meanwhile.
    const bool same = before != seen_.end() && entry.duration_seconds >= before->second.duration_seconds &&
                      entry.packets >= before->second.count.packets && entry.bytes >= before->second.count.bytes;
    sum.packets += entry.packets - (same ? before->second.count.packets : 0);
    sum.bytes += entry.bytes - (same ? before->second.count.bytes : 0);
    now[entry.flow.key] = Seen{{entry.packets, entry.bytes}, entry.duration_seconds};
  }
  seen_ = std::move(now);
}

}  // namespace mooring::metrics
