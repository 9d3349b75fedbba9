// When a pool will be empty if it goes on like this: the median of the slopes between all pairs of samples of the last
// half hour (Theil-Sen), so that one burst, or one mass release, does not make an alarm.
//
// Threading: one thread. No clock: `now_ms` is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace mooring::controller {

class TimeToEmpty {
 public:
  static constexpr std::int64_t between_ms = 30'000;  // samples that come sooner after the last one are not kept
  static constexpr std::size_t max_samples = 60;
  static constexpr std::size_t min_samples = 5;  // fewer say nothing

  // A pool whose size changed starts anew.
  void sample(std::int64_t now_ms, std::uint64_t free, std::uint64_t size);
  // From the last sample; infinity: not shrinking, or not known yet; 0: it is empty.
  double seconds() const { return seconds_; }

 private:
  struct Sample {
    std::int64_t at_ms;
    double free;
  };
  double forecast() const;

  std::deque<Sample> samples_;
  std::uint64_t size_ = 0;
  double seconds_;

 public:
  TimeToEmpty();
};

}  // namespace mooring::controller
