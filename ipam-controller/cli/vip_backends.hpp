// What "describe vip" shows beside the VIP. Threading: one thread.
#pragma once

#include <iosfwd>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

// A row for each back end: where it is, and whether it is healthy, or why not.
void print_vip_backends(std::ostream& out, const ipam_api::Json& vip);

}  // namespace mooring::ctl
