// A network namespace without a name that ends with this object (and with every link in it).
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>

#include "mooring/netlink/netns.hpp"

namespace mooring::tests {

class ThrowawayNetns {
 public:
  ThrowawayNetns() {
    // unshare(2) concerns one thread; the namespace lives on by the file descriptor.
    std::thread([this] {
      if (::unshare(CLONE_NEWNET) == 0) {
        fd_ = netlink::FileDescriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      }
    }).join();
    if (!fd_) {
      throw std::runtime_error("no new network namespace: are you root?");
    }
  }

  // For other programs too, while this process lives.
  std::string path() const { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get()); }
  netlink::NetworkNamespace open() const { return netlink::NetworkNamespace::open(path()).value(); }

 private:
  netlink::FileDescriptor fd_;
};

}  // namespace mooring::tests
