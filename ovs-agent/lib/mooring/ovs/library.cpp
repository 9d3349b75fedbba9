#include "mooring/ovs/library.hpp"

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

#include "mooring/ovs/shim/shim.h"
#include "mooring/ovs/worker.hpp"

namespace mooring::ovs {

void initialise(const std::string& program) {
  mo_initialise(program.c_str());
}

WakeUp::WakeUp() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::system_category(), "eventfd");
  }
}

WakeUp::~WakeUp() {
  ::close(descriptor_);
}

void WakeUp::notify() {
  const std::uint64_t one = 1;
  // EAGAIN: the counter is full, so the reader is awake anyway.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

void WakeUp::drain() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(descriptor_, &count, sizeof count);
}

}  // namespace mooring::ovs
