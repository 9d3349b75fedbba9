#include "cni-plugin/interruption.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

namespace mooring::cni {

Interruption Interruption::by_termination_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return Interruption(netlink::FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)));
}

bool Interruption::requested() const {
  pollfd waiting{fd(), POLLIN, 0};
  return poll(&waiting, 1, 0) > 0;
}

Error interrupted(std::string_view doing) {
  return Error(Errc::unavailable, std::string(doing) + ": ended by a signal", "the runtime gave up; it may try again");
}

}  // namespace mooring::cni
