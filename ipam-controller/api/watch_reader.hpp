// One open stream of the hub. Internal to watch_hub.cpp and watch_stream.cpp.
// Threading: the hub's.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "ipam-controller/api/watch_hub.hpp"

namespace mooring::controller {

struct WatchHub::Reader {
  Reader(const asio::any_io_executor& executor, ipam_api::WatchRequest asked, std::size_t outbox_bytes)
      : request(std::move(asked)), outbox(outbox_bytes), signal(executor) {}

  // "node h1"
  std::string who() const { return to_string(request.role) + (request.name.empty() ? "" : " " + request.name); }
  // Ends the wait of its stream function, which then looks at outbox and sink again.
  void wake() { signal.cancel(); }

  ipam_api::WatchRequest request;
  std::string machine_id;
  Outbox outbox;
  bool follows = false;   // stands where the directory stands: changes are pushed to the outbox
  Revision position = 0;  // while it catches up: all up to here was sent
  asio::steady_timer signal;
};

}  // namespace mooring::controller
