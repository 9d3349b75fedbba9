// The owner's thread of objects that answer through a Post function: what they post runs inside run_until().
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace mooring::tests {

class OwnerLoop {
 public:
  using Function = std::function<void()>;

  std::function<void(Function)> post() {
    return [this](Function f) {
      {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(f));
      }
      arrived_.notify_one();
    };
  }

  // Runs what is posted until `condition` holds (then true) or `limit` has passed.
  bool run_until(const std::function<bool()>& condition,
                 std::chrono::milliseconds limit = std::chrono::milliseconds(10000)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      std::unique_lock lock(mutex_);
      if (posted_.empty()) {
        // Conditions about the outside world change without a post: look again now and then.
        arrived_.wait_for(lock, std::chrono::milliseconds(5));
      }
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      if (posted_.empty()) {
        continue;
      }
      const Function f = std::move(posted_.front());
      posted_.pop_front();
      lock.unlock();
      f();
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) {
    run_until([] { return false; }, time);
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Function> posted_;
};

}  // namespace mooring::tests
