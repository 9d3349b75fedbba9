// One request to the switch and its conversation: a bundle (open, add …, barrier, commit or discard, barrier), changes
// of meters (each, then a barrier), or a dump. Knows nothing of connections, threads and clocks. Internal to
// mooring::ovs.
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
  std::vector<FlowChange> changes;
  FlowChannel::Applied done;
};
struct DumpRequest {
  FlowChannel::Dumped done;
};
struct MeterRequest {
  std::vector<MeterChange> changes;
  FlowChannel::Applied done;
};
struct DumpMetersRequest {
  FlowChannel::MetersDumped done;
};
struct OpenFlowRequest {
  std::variant<ApplyRequest, DumpRequest, MeterRequest, DumpMetersRequest> what;
  std::chrono::steady_clock::time_point deadline;
};

// What tells the owner that the request failed as a whole.
std::function<void()> failure_of(OpenFlowRequest request, const Error& error);

class OpenFlowExchange {
 public:
  // Queues the first messages on `of`. `target` is for messages.
  OpenFlowExchange(OpenFlowRequest request, mo_of* of, std::uint32_t bundle, std::string target);

  std::chrono::steady_clock::time_point deadline() const { return request_.deadline; }
  // Takes a message in and queues what follows from it. The owner's answer once the exchange is over.
  std::optional<std::function<void()>> on_message(mo_of* of, const mo_message& message);
  // The owner's answer when it will not be over.
  std::function<void()> fail(const Error& error) { return failure_of(std::move(request_), error); }

 private:
  enum class Phase { adding, closing, metering, reading };
  using Answer = std::optional<std::function<void()>>;

  void begin_bundle(mo_of* of, const ApplyRequest& apply);
  void begin_meters(mo_of* of, const MeterRequest& meters);
  Answer on_error(const mo_message& message);
  void close_bundle(mo_of* of);
  Answer finish_bundle();
  Answer finish_meters();
  Answer collect(const mo_message& message);
  Answer collect_meters(const mo_message& message);

  OpenFlowRequest request_;
  const std::string target_;
  const std::uint32_t bundle_;
  Phase phase_;
  std::uint32_t open_xid_ = 0, close_xid_ = 0, barrier_xid_ = 0, dump_xid_ = 0;
  std::unordered_map<std::uint32_t, std::size_t> index_by_xid_;  // of the flows in the bundle, or of the meters
  std::map<std::size_t, std::string> refused_;                   // reason by index
  std::string failure_;                                          // of the bundle as a whole
  std::vector<FlowEntry> flows_;
  std::vector<Meter> meters_;
};

}  // namespace mooring::ovs
