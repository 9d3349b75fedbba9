// What the threads of this library share: how they are woken and how they answer their owner.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "mooring/ovs/library.hpp"

namespace mooring::ovs {

// An eventfd that ends another thread's poll.
class WakeUp {
 public:
  WakeUp();
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  void notify();
  void drain();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// Posts to the owner's thread; what is still under way when the token's holder is destroyed does not run.
// The holder must be destroyed on the owner's thread.
class Delivery {
 public:
  explicit Delivery(Post post) : post_(std::move(post)), alive_(std::make_shared<char>()) {}
  // From any thread.
  void operator()(std::function<void()> f) const {
    post_([token = std::weak_ptr<char>(alive_), f = std::move(f)] {
      if (token.lock()) {
        f();
      }
    });
  }

 private:
  Post post_;
  std::shared_ptr<char> alive_;
};

}  // namespace mooring::ovs
