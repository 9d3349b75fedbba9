// When tunnel peers are asked for their address.
#include <catch2/catch.hpp>

#include "mooring/underlay/peer_warmup.hpp"

using mooring::underlay::WarmupSchedule;
using std::chrono::seconds;

namespace {

// The seconds at which it was due, asked once a second for `length`.
std::vector<int> due_at(WarmupSchedule& schedule, WarmupSchedule::Time begin, int length) {
  std::vector<int> due;
  for (int i = 0; i < length; ++i) {
    if (schedule.due(begin + seconds(i))) {
      due.push_back(i);
    }
  }
  return due;
}

}  // namespace

TEST_CASE("peers are asked at once, a few times soon after, then rarely") {
  WarmupSchedule schedule;
  const WarmupSchedule::Time begin{seconds(1000)};
  CHECK(due_at(schedule, begin, 400) == std::vector<int>{0, 1, 3, 7, 187, 367});
}

TEST_CASE("a change begins the schedule anew") {
  WarmupSchedule schedule;
  const WarmupSchedule::Time begin{seconds(1000)};
  due_at(schedule, begin, 100);
  schedule.begin_anew();
  CHECK(due_at(schedule, begin + seconds(100), 20) == std::vector<int>{0, 1, 3, 7});
}
