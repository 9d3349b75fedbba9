#include "ipam-controller/domain/time_to_empty.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace mooring::controller {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double ms_per_second = 1000.0;

}  // namespace

TimeToEmpty::TimeToEmpty() : seconds_(never) {}

void TimeToEmpty::sample(std::int64_t now_ms, std::uint64_t free, std::uint64_t size) {
  if (size != size_) {
    samples_.clear();
    size_ = size;
  }
  if (!samples_.empty() && now_ms < samples_.back().at_ms + between_ms) {
    seconds_ = free == 0 ? 0 : seconds_;
    return;
  }
  samples_.push_back(Sample{now_ms, static_cast<double>(free)});
  if (samples_.size() > max_samples) {
    samples_.pop_front();
  }
  seconds_ = forecast();
}

double TimeToEmpty::forecast() const {
  if (samples_.back().free == 0) {
    return 0;
  }
  if (samples_.size() < min_samples) {
    return never;
  }
  std::vector<double> slopes;  // addresses a second
  slopes.reserve(samples_.size() * (samples_.size() - 1) / 2);
  for (std::size_t later = 1; later < samples_.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const double seconds = static_cast<double>(samples_[later].at_ms - samples_[earlier].at_ms) / ms_per_second;
      slopes.push_back((samples_[later].free - samples_[earlier].free) / seconds);
    }
  }
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2);
  std::nth_element(slopes.begin(), middle, slopes.end());
  return *middle < 0 ? samples_.back().free / -*middle : never;
}

}  // namespace mooring::controller
