// Keeps one bridge's flows, meters and groups in line with what its owner desires.
//
// On every (re)connect the switch is read back and the difference sent, additions before deletions, in bundles of at
// most 1,000 (but for `together`). Later changes are sent as they are given. A flow is deleted only if `may_delete`
// agrees, whoever made it. A flow that the switch refuses is left out, reported and tried again when it changes or
// after the next read-back; it never stops the others. Meters go into the switch before the flows, in the same message
// stream without a wait between them, and out of it after them, once no flow in it names them. Groups the same, each
// time with a wait between.
//
// Threading: one thread, the owner's; callbacks come on it too.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/group_sync.hpp"
#include "mooring/ovs/meter_sync.hpp"
#include "mooring/ovs/openflow.hpp"

namespace mooring::ovs {

class FlowSync {
 public:
  // Makes the channel; called once, by the constructor.
  using Dial = std::function<std::unique_ptr<FlowChannel>(FlowChannel::Callbacks)>;
  using Settled = std::function<void(Result<void>)>;
  // Picks the refused flows that matter to a waiter.
  using Concerns = std::function<bool(const Flow&)>;

  struct Options {
    std::string bridge;    // for messages: "br-int"
    MayDelete may_delete;  // none = everything may go
    std::chrono::milliseconds request_deadline{5000};
    std::function<void(const Flow&, const Error&)> refused;  // the switch said no; log it here
    std::function<void(const Meter&, const Error&)> meter_refused;
    std::function<void(const Group&, const Error&)> group_refused;
    std::function<void(bool in_line)> in_line_changed;  // true: the switch holds exactly what is desired
    // Flows that change together: all of them that are due go first and as one bundle, up to 10,000. None: nothing
    // does.
    std::function<bool(const FlowKey&)> together;
    // What a read-back found, before the difference is made: here the owner may take up (change()) flows that it would
    // desire if it remembered them.
    std::function<void(const DesiredFlows& actual)> found;
  };

  struct MeterWishes {
    std::vector<Meter> desired;
    std::vector<std::uint32_t> not_desired;  // ids
  };
  struct GroupWishes {
    std::vector<Group> desired;
    std::vector<std::uint32_t> not_desired;  // ids
  };

  struct Counters {
    std::uint64_t connects = 0, read_backs = 0, bundles = 0;
    std::uint64_t added = 0, removed = 0;  // flows, past a barrier
    std::uint64_t failures = 0;            // requests that failed: connection or deadline
    std::size_t desired = 0, actual = 0;   // flows now
    std::size_t held = 0;                  // in the switch, not desired, may_delete said no
    std::size_t refused = 0;               // desired, refused by the switch
    std::size_t meters = 0;                // in the switch now
    std::size_t groups = 0;                // in the switch now
  };

  FlowSync(const Dial& dial, Options options);
  ~FlowSync();
  FlowSync(const FlowSync&) = delete;
  FlowSync& operator=(const FlowSync&) = delete;

  // The whole desired state.
  void replace(DesiredFlows desired);
  // A part of it: `add` desires the flow, `remove` no longer desires its key. Sent in the order "adds, then removes"
  // of all that is pending. Meters and groups come with the flows that name them, so that they are sent with them.
  void change(const std::vector<FlowChange>& changes, const MeterWishes& meters = {}, const GroupWishes& groups = {});
  const Meters& desired_meters() const { return meters_.desired(); }
  const DesiredFlows& desired() const { return desired_; }
  // What the switch was last known to hold; empty until the first read-back.
  const DesiredFlows& actual() const { return actual_; }

  // Of the desired flows, those that the last read-back did not find as they should be (they are put right at once).
  const std::unordered_set<FlowKey>& amiss() const { return amiss_; }
  const Meters& actual_meters() const { return meters_.actual(); }
  const std::set<std::uint32_t>& amiss_meters() const { return meters_.amiss(); }
  const Groups& desired_groups() const { return groups_.desired(); }
  const Groups& actual_groups() const { return groups_.actual(); }
  const std::set<std::uint32_t>& amiss_groups() const { return groups_.amiss(); }

  // Asks may_delete again about the flows that were held.
  void reconsider();
  // Reads the switch back and repairs what somebody else changed.
  void read_back();

  // Calls back once everything given so far is in the switch and past a barrier. `timeout` after `deadline`; the error
  // of a refused flow if one `concerns` the caller (none given = every refused flow does).
  void settled(std::chrono::milliseconds deadline, Settled done, Concerns concerns = {});

  bool connected() const { return connected_; }
  // Connected, read back, nothing pending.
  bool in_line() const;
  Counters counters() const;

 private:
  struct Waiter {
    std::uint64_t id;
    std::uint64_t given;  // everything up to this change
    Settled done;
    Concerns concerns;
  };

  void on_connected();
  void on_disconnected();
  void start_read_back();
  void on_dump(const Result<std::vector<FlowEntry>>& entries, const Result<std::vector<Meter>>& meters,
               const Result<std::vector<Group>>& groups);
  void touch(const FlowKey& key);
  void pump();
  bool send_next();
  bool send_groups(std::vector<GroupChange> groups);
  void make_plan();
  std::vector<FlowChange> next_bundle();
  std::optional<FlowChange> step_for(const FlowKey& key);
  void on_applied(const std::vector<MeterChange>& meters, const std::vector<FlowChange>& flows,
                  const ApplyOutcome& outcome);
  void note(const FlowChange& change);
  void set_aside(const Flow& flow, const Error& why);
  void distrust();
  void tell_in_line();
  void answer_waiters();
  Result<void> refusal_for(const Concerns& concerns) const;
  void expire(std::uint64_t waiter, std::chrono::milliseconds deadline);

  Options options_;
  MeterSync meters_;
  GroupSync groups_;
  DesiredFlows desired_;
  DesiredFlows actual_;
  std::unordered_set<FlowKey> dirty_;  // touched since the plan was made
  std::vector<FlowKey> plan_;          // still to be looked at, last one first; additions come before deletions
  std::unordered_set<FlowKey> amiss_;
  std::unordered_set<FlowKey> held_;
  std::unordered_map<FlowKey, Error> refused_;
  std::vector<Waiter> waiters_;
  std::uint64_t last_waiter_ = 0;
  std::uint64_t given_ = 0;        // changes given so far
  std::uint64_t plan_covers_ = 0;  // of them, those that are in the switch once the plan is carried out
  std::uint64_t carried_out_ = 0;  // of them, those that are in the switch
  bool connected_ = false;
  bool known_ = false;  // actual_ is what the switch holds
  bool busy_ = false;   // a request is out
  bool read_back_wanted_ = false;
  bool was_in_line_ = false;
  Counters counters_;
  std::unique_ptr<FlowChannel> channel_;  // last: it goes first, and with it all its callbacks
};

// A Dial for a real bridge.
FlowSync::Dial dial_openflow(std::string target, Post post);

}  // namespace mooring::ovs
