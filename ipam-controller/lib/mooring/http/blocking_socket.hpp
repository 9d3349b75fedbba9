// Sockets that wait with poll(2), for BlockingClient. Internal to this library.
// Threading: one thread.
#pragma once

#include <string>
#include <unistd.h>
#include <utility>

#include "mooring/http/deadline.hpp"
#include "mooring/http/endpoint.hpp"

namespace mooring::http {

// A file descriptor with an owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  void reset() {
    if (number_ >= 0) {
      ::close(std::exchange(number_, -1));
    }
  }
  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// Until one of `events` (poll(2)) holds: 0. Else an errno: ETIMEDOUT when the deadline passes first.
int wait_for(int descriptor, short events, Deadline deadline);

// EAGAIN under either name.
bool would_block(int error);

// A non-blocking connected socket and 0, or an errno: ETIMEDOUT, or EINVAL for a TCP host that is no address.
std::pair<Descriptor, int> connect_to(const Endpoint& endpoint, Deadline deadline);

}  // namespace mooring::http
