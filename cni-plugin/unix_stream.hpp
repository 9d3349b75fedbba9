// A connection to a unix socket whose every wait has a deadline and ends when the process is told to.
// Errors: Errc::unavailable (nobody there, closed, interrupted), timeout, invalid_config (path too long), io.
// Threading: one thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cni-plugin/interruption.hpp"

namespace mooring::cni {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

class UnixStream {
 public:
  // `interruption` must outlive the stream.
  static Result<UnixStream> connect(const std::string& path, Deadline deadline, const Interruption& interruption);

  Result<void> write(std::string_view bytes);
  // Appends what there is, at least one byte. A peer that closed is Errc::unavailable.
  Result<void> read_more(std::string& buffer);

 private:
  UnixStream(netlink::FileDescriptor socket, Deadline deadline, const Interruption& interruption);
  Result<void> wait_for(short events, std::string_view doing);

  netlink::FileDescriptor socket_;
  Deadline deadline_;
  const Interruption* interruption_;
};

}  // namespace mooring::cni
