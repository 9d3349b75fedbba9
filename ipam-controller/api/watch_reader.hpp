// One open stream of the hub. Internal to watch_hub.cpp and watch_stream.cpp.
// Threading: the hub's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ipam-controller/api/watch_hub.hpp"

namespace mooring::controller {

struct WatchHub::Reader {
  static constexpr std::size_t outbox_bytes = std::size_t{1} << 20;

  Reader(const asio::any_io_executor& executor, ipam_api::WatchRequest asked)
      : request(std::move(asked)), outbox(outbox_bytes), signal(executor) {}

  // "node h1"
  std::string who() const { return to_string(request.role) + (request.name.empty() ? "" : " " + request.name); }
  // Ends the wait of its stream function, which then looks at outbox and sink again.
  void wake() { signal.cancel(); }

  std::uint64_t number = 0;  // while it is on the hub's books
  ipam_api::WatchRequest request;
  std::string machine_id;
  Outbox outbox;
  Revision sent = 0;  // while it catches up: all up to here was sent
  // Set when what is missing is among the live frames: it follows them from there.
  std::optional<LiveFrames::Position> position;
  asio::steady_timer signal;
};

}  // namespace mooring::controller
