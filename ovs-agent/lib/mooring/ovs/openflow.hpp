// One OpenFlow 1.5 connection to a bridge's management socket, for programming flows and meters.
//
// API: asynchronous; nothing here blocks the owner. Every request has a deadline and its callback runs exactly once
// (not at all once the object is gone), through Post. Requests are carried out one after the other in the order given.
// Threading: call from one thread (the owner's); the connection lives on a thread of its own, because libopenvswitch's
// poll loop cannot lend its descriptors.
// Failures: a request that misses its deadline makes the connection suspect (the switch may hang, what it did is not
// known): it is dropped and dialled again, and the owner must read back (dump) after `connected`. FlowSync does.
// Redials for ever, at intervals of 20 to 200 ms.
// Source: OpenFlow 1.5.1, 7.3.9 (bundles), 7.3.5.2 (flow descriptions), 7.3.4.5 (meters); ovs-vswitchd(8).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/ovs/flow_table.hpp"
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
  Result<void> result = ok();
  // Indexes into the changes of those that the switch refused (the error names the first). None: nothing was refused,
  // the failure is the connection's.
  std::vector<std::size_t> refused;
};

// How FlowSync reaches a switch: OpenFlow in programs, a fake in tests.
class FlowChannel {
 public:
  using Applied = std::function<void(ApplyOutcome)>;
  using Dumped = std::function<void(Result<std::vector<FlowEntry>>)>;
  using MetersDumped = std::function<void(Result<std::vector<Meter>>)>;
  struct Callbacks {
    std::function<void()> connected;
    std::function<void(const Error& why)> disconnected;  // only after `connected`
  };

  virtual ~FlowChannel() = default;
  // One atomic, ordered bundle: all of it, or nothing and the flows that were refused. Done = behind a barrier.
  // At most max_bundle changes, else too_large. `unavailable` at once when not connected; `timeout`.
  virtual void apply(std::vector<FlowChange> changes, std::chrono::milliseconds deadline, Applied done) = 0;
  // All flows of all tables.
  virtual void dump(std::chrono::milliseconds deadline, Dumped done) = 0;
  // One after the other, each by itself: OVS takes no meters in a bundle. What was not refused is carried out. Done =
  // behind a barrier. Deleting a meter deletes the flows that name it. At most max_bundle changes, else too_large.
  virtual void apply_meters(std::vector<MeterChange> changes, std::chrono::milliseconds deadline, Applied done) = 0;
  virtual void dump_meters(std::chrono::milliseconds deadline, MetersDumped done) = 0;
  // Runs `f` on the owner's thread after `delay`.
  virtual void after(std::chrono::milliseconds delay, std::function<void()> f) = 0;

  static constexpr std::size_t max_bundle = 1000;  // measured: larger ones disturb forwarding
};

class OpenFlow final : public FlowChannel {
 public:
  // `target` = "unix:/run/openvswitch/br-int.mgmt" (absolute path). Starts dialling at once.
  OpenFlow(std::string target, Post post, Callbacks callbacks);
  ~OpenFlow() override;
  OpenFlow(const OpenFlow&) = delete;
  OpenFlow& operator=(const OpenFlow&) = delete;

  void apply(std::vector<FlowChange> changes, std::chrono::milliseconds deadline, Applied done) override;
  void dump(std::chrono::milliseconds deadline, Dumped done) override;
  void apply_meters(std::vector<MeterChange> changes, std::chrono::milliseconds deadline, Applied done) override;
  void dump_meters(std::chrono::milliseconds deadline, MetersDumped done) override;
  void after(std::chrono::milliseconds delay, std::function<void()> f) override;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace mooring::ovs
