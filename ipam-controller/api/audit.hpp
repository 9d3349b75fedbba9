// GET /v1/audit, GET /v1/audit:export, POST /v1/audit:verify, POST /v1/audit:prune (docs/howto/audit.md).
// Threading: as routes.hpp.
#pragma once

#include <span>

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

std::span<const Route> audit_routes();

}  // namespace mooring::controller
