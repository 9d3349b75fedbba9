// SIGTERM and SIGINT as something to wait for: an ADD that a runtime gives up must undo what it did, not just end.
// Threading: block before any thread is started; one per process.
#pragma once

#include "mooring/netlink/netns.hpp"

namespace mooring::cni {

class Interruption {
 public:
  // Nothing interrupts.
  Interruption() = default;
  // From now on both signals only make `fd` readable.
  static Interruption by_termination_signals();

  // For poll(2), which ignores a negative one.
  int fd() const { return signals_.get(); }
  bool requested() const;

 private:
  explicit Interruption(netlink::FileDescriptor signals) : signals_(std::move(signals)) {}
  netlink::FileDescriptor signals_;
};

// What an interrupted operation answers.
Error interrupted(std::string_view doing);

}  // namespace mooring::cni
