// One request to the switch and its conversation: changes (meters, then a bundle: open, add …, commit; then a barrier;
// or groups and a barrier), or a dump. Knows nothing of connections, threads and clocks. Internal to mooring::ovs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "mooring/ovs/openflow.hpp"
#include "mooring/ovs/shim/openflow.h"

namespace mooring::ovs {

struct ApplyRequest {
  std::vector<MeterChange> meters;
  std::vector<FlowChange> flows;
  FlowChannel::Applied done;
};
struct DumpRequest {
  FlowChannel::Dumped done;
};
struct DumpMetersRequest {
  FlowChannel::MetersDumped done;
};
struct GroupsRequest {
  std::vector<GroupChange> groups;
  FlowChannel::GroupsApplied done;
};
struct DumpGroupsRequest {
  FlowChannel::GroupsDumped done;
};
struct OpenFlowRequest {
  std::variant<ApplyRequest, DumpRequest, DumpMetersRequest, GroupsRequest, DumpGroupsRequest> what;
  std::chrono::steady_clock::time_point deadline;
};

// What tells the owner that the request failed as a whole.
std::function<void()> failure_of(OpenFlowRequest request, const Error& error);

class OpenFlowExchange {
 public:
  // Queues the first messages on `of`. `target` is for messages.
  OpenFlowExchange(OpenFlowRequest request, mo_of* of, std::uint32_t bundle, std::string target);

  std::chrono::steady_clock::time_point deadline() const { return request_.deadline; }
  // Takes a message in. The owner's answer once the exchange is over.
  std::optional<std::function<void()>> on_message(const mo_message& message);
  // The owner's answer when it will not be over.
  std::function<void()> fail(const Error& error) { return failure_of(std::move(request_), error); }

 private:
  using Answer = std::optional<std::function<void()>>;
  using Reasons = std::map<std::size_t, std::string>;  // of refusals, by index

  bool is_reading() const { return dump_xid_ != 0; }
  void send_groups(mo_of* of, const std::vector<GroupChange>& groups);
  void send_meters(mo_of* of, const std::vector<MeterChange>& meters);
  void send_bundle(mo_of* of, const std::vector<FlowChange>& flows);
  Answer on_error(const mo_message& message);
  Answer finish();
  Answer collect(const mo_message& message);
  Answer collect_meters(const mo_message& message);
  Answer finish_groups();
  Answer collect_groups(const mo_message& message);

  OpenFlowRequest request_;
  const std::string target_;
  const std::uint32_t bundle_;
  std::uint32_t open_xid_ = 0, commit_xid_ = 0, barrier_xid_ = 0, dump_xid_ = 0;
  std::unordered_map<std::uint32_t, std::size_t> flow_by_xid_, meter_by_xid_, group_by_xid_;
  Reasons refused_, refused_meters_, refused_groups_;
  std::string failure_;  // of the bundle as a whole
  std::vector<FlowEntry> flows_;
  std::vector<Meter> meters_;
  std::vector<Group> groups_;
};

}  // namespace mooring::ovs
