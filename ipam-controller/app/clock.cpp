#include "ipam-controller/app/clock.hpp"

#include <chrono>

namespace mooring::controller {

Clock steady_wall_clock() {
  using namespace std::chrono;
  const auto ms_of = [](auto span) { return TimeMs{duration_cast<milliseconds>(span).count()}; };
  const TimeMs start = ms_of(system_clock::now().time_since_epoch());
  return [start, from = steady_clock::now(), ms_of] { return start + ms_of(steady_clock::now() - from); };
}

}  // namespace mooring::controller
