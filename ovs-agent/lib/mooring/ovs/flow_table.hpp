// Sets of flows by key and the difference between two of them. Pure: no switch, no clock.
// Threading: values.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mooring/ovs/flow.hpp"

namespace mooring::ovs {

// One step towards the desired state. `add` also replaces a flow of the same key; `remove` is strict (this key only).
struct FlowChange {
  enum class Kind { add, remove };
  Kind kind = Kind::add;
  Flow flow;
  bool operator==(const FlowChange&) const = default;
};

// Asked about a flow that is in the switch and not desired: may it go? Only "its key is known to be absent" is a
// reason. Called on the owner's thread.
using MayDelete = std::function<bool(const Flow&)>;

// A set of flows, one for each key. Named for its main use; a dump of the switch is held in one too.
class DesiredFlows {
 public:
  using Map = std::unordered_map<FlowKey, Flow>;

  // Parses and inserts. invalid_argument as parse_flow; conflict if the key is there with another value: two owners of
  // one key is a bug of the pipeline.
  Result<void> add(std::string_view text);
  // Inserts or replaces; false if the very same flow was there.
  bool put(Flow flow);
  // False if there was none.
  bool erase(const FlowKey& key);
  void clear() { flows_.clear(); }

  const Flow* find(const FlowKey& key) const;
  std::size_t size() const { return flows_.size(); }
  bool empty() const { return flows_.empty(); }
  Map::const_iterator begin() const { return flows_.begin(); }
  Map::const_iterator end() const { return flows_.end(); }
  bool operator==(const DesiredFlows&) const = default;

  // What turns `actual` into this set: additions and replacements first, then deletions that `may_delete` allows
  // (none given = all). Sorted within the two groups, so that a difference reads the same every time.
  std::vector<FlowChange> diff_from(const DesiredFlows& actual, const MayDelete& may_delete = {}) const;

  // One Flow::str() a line, sorted by table, priority (highest first), match.
  std::string text() const;

 private:
  Map flows_;
};

// "add table=…" / "remove table=…", one a line: for logs and tests.
std::string text(const std::vector<FlowChange>& changes);

}  // namespace mooring::ovs
