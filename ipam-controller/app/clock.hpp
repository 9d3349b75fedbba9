// The controller's time: Unix milliseconds that never step back. It starts with the wall clock, or with the newest time
// that the store has seen if that is later, and from then on goes by the steady clock: setting the machine's clock
// while the controller runs neither ends a cool-down early nor stretches it. Threading: any thread.
#pragma once

#include <functional>

#include "ipam-controller/domain/retention.hpp"

namespace mooring::controller {

using Clock = std::function<TimeMs()>;

// The machine's.
Clock steady_wall_clock();

}  // namespace mooring::controller
