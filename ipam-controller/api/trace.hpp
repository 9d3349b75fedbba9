// POST /v1/ports:trace (docs/howto/trace.md).
// Threading: as routes.hpp.
#pragma once

#include <span>

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

std::span<const Route> trace_routes();

}  // namespace mooring::controller
