// POST /v1/ports:explain, GET /v1/refusals/{namespace}/{hostname} (docs/api/rest.md).
// Threading: as routes.hpp.
#pragma once

#include <span>

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

std::span<const Route> explain_routes();

}  // namespace mooring::controller
