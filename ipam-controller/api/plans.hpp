// Threading: Ipam's thread.
#pragma once

#include <span>

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

std::span<const Route> plan_routes();

}  // namespace mooring::controller
