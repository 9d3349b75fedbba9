// Who looks on while the use cases work: metrics and events (observe/). Told after the fact, never asked.
// Threading: Ipam's thread; must not call back into Ipam's reads and changes other than by enqueueing them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

class IpamObserver {
 public:
  virtual ~IpamObserver() = default;

  // Inside Ipam::start(): what the store had.
  virtual void loaded(std::vector<EventRecord> events, WebhookCursors cursors) = 0;
  // A request of a node, from its arrival to its answer; `refused` nullptr: it was granted.
  virtual void allocated(const ipam_api::AllocateRequest& request, std::chrono::nanoseconds took,
                         const Error* refused) = 0;
  // A batch of so many requests was handed to the store.
  virtual void committed(std::size_t requests, bool durable) = 0;
  // So many ports were given back, durably, for that reason.
  virtual void released(const std::string& reason, std::uint64_t ports) = 0;
  // Events are durable.
  virtual void happened(const std::vector<EventRecord>& events) = 0;
};

}  // namespace mooring::controller
