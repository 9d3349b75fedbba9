// The controller's thread, for tests: a queue that the test runs itself.
// Threading: post() from any thread; everything else on the test's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stdexcept>

#include "ipam-controller/app/ports.hpp"

namespace mooring::controller::fakes {

class Loop {
 public:
  Post post() {
    return [this](std::function<void()> job) {
      {
        const std::lock_guard guard(mutex_);
        jobs_.push_back(std::move(job));
      }
      wake_.notify_one();
    };
  }

  // Runs what is posted until `done()`; throws when that takes longer than anything in a test should.
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      std::unique_lock guard(mutex_);
      if (!wake_.wait_until(guard, deadline, [this] { return !jobs_.empty(); })) {
        throw std::runtime_error("the controller did not answer within 30 s");
      }
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      guard.unlock();
      job();
    }
  }

  // Runs what is posted, and what that posts, until nothing is.
  void run_ready() {
    std::unique_lock guard(mutex_);
    while (!jobs_.empty()) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      guard.unlock();
      job();
      guard.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
};

}  // namespace mooring::controller::fakes
