// One OpenFlow 1.5 connection to a bridge's management socket, for programming flows, meters and groups.
//
// API: asynchronous; nothing here blocks the owner. Every request has a deadline and its callback runs exactly once
// (not at all once the object is gone), through Post. Requests are carried out one after the other in the order given.
// Threading: call from one thread (the owner's); the connection lives on a thread of its own, because libopenvswitch's
// poll loop cannot lend its descriptors.
// Failures: a request that misses its deadline makes the connection suspect (the switch may hang, what it did is not
// known): it is dropped and dialled again, and the owner must read back (dump) after `connected`. FlowSync does.
// Redials for ever, at intervals of 20 to 200 ms.
// Source: OpenFlow 1.5.1, 7.3.9 (bundles), 7.3.5.2 (flow descriptions), 7.3.4.3 (groups), 7.3.4.5 (meters);
// ovs-vswitchd(8).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/group.hpp"
#include "mooring/ovs/library.hpp"
#include "mooring/ovs/meter.hpp"

namespace mooring::ovs {

// A flow as the switch reported it.
struct FlowEntry {
  Flow flow;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint32_t duration_seconds = 0;
};

struct ApplyOutcome {
  Result<void> result = ok();  // of the flows, and of the connection
  // Indexes into the flows of those that the switch refused (the error names the first). None: nothing was refused,
  // the failure is the connection's.
  std::vector<std::size_t> refused;
  bool flows_taken = false;    // the flows that it did not refuse are in; false: none is
  Result<void> meters = ok();  // names the first that was refused
  std::vector<std::size_t> refused_meters;
};

struct GroupOutcome {
  Result<void> result = ok();        // names the first that the switch refused; or the connection's failure
  std::vector<std::size_t> refused;  // indexes; none: nothing was refused
};

// How FlowSync reaches a switch: OpenFlow in programs, a fake in tests.
class FlowChannel {
 public:
  using Applied = std::function<void(ApplyOutcome)>;
  using Dumped = std::function<void(Result<std::vector<FlowEntry>>)>;
  using MetersDumped = std::function<void(Result<std::vector<Meter>>)>;
  using GroupsApplied = std::function<void(GroupOutcome)>;
  using GroupsDumped = std::function<void(Result<std::vector<Group>>)>;
  struct Callbacks {
    std::function<void()> connected;
    std::function<void(const Error& why)> disconnected;  // only after `connected`
  };

  virtual ~FlowChannel() = default;
  // The meters one after the other, each by itself (OVS takes none in a bundle), then the flows as one ordered bundle:
  // sent as one, answered once, because a switch that is adding a port takes milliseconds for each answer. What it does
  // not refuse is carried out, the flows at one moment; a flow whose meter it refused is refused too. If it refuses to
  // commit (a full table), no flow is in. Deleting a meter deletes the flows that name it. Done = behind a barrier.
  // At most max_bundle of each (of flows max_together, at a price), else too_large. `unavailable` at once when not
  // connected; `timeout`.
  virtual void apply(std::vector<MeterChange> meters, std::vector<FlowChange> flows, std::chrono::milliseconds deadline,
                     Applied done) = 0;
  // All flows of all tables.
  virtual void dump(std::chrono::milliseconds deadline, Dumped done) = 0;
  virtual void dump_meters(std::chrono::milliseconds deadline, MetersDumped done) = 0;
  // One after the other, each by itself. Deleting a group deletes the flows that lead to it. Done = behind a barrier.
  virtual void apply_groups(std::vector<GroupChange> groups, std::chrono::milliseconds deadline,
                            GroupsApplied done) = 0;
  virtual void dump_groups(std::chrono::milliseconds deadline, GroupsDumped done) = 0;
  // Runs `f` on the owner's thread after `delay`.
  virtual void after(std::chrono::milliseconds delay, std::function<void()> f) = 0;

  static constexpr std::size_t max_bundle = 1000;     // measured: larger ones disturb forwarding
  static constexpr std::size_t max_together = 10000;  // where a half of them would be wrong
};

class OpenFlow final : public FlowChannel {
 public:
  // `target` = "unix:/run/openvswitch/br-int.mgmt" (absolute path). Starts dialling at once.
  OpenFlow(std::string target, Post post, Callbacks callbacks);
  ~OpenFlow() override;
  OpenFlow(const OpenFlow&) = delete;
  OpenFlow& operator=(const OpenFlow&) = delete;

  void apply(std::vector<MeterChange> meters, std::vector<FlowChange> flows, std::chrono::milliseconds deadline,
             Applied done) override;
  void dump(std::chrono::milliseconds deadline, Dumped done) override;
  void dump_meters(std::chrono::milliseconds deadline, MetersDumped done) override;
  void apply_groups(std::vector<GroupChange> groups, std::chrono::milliseconds deadline, GroupsApplied done) override;
  void dump_groups(std::chrono::milliseconds deadline, GroupsDumped done) override;
  void after(std::chrono::milliseconds delay, std::function<void()> f) override;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace mooring::ovs
