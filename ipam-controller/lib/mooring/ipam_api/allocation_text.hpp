// The answer to an allocation, written straight to text: the same bytes as to_json(allocation).dump(), at a tenth of
// the price. It is what the controller writes most.
//
// Threading: a pure function.
#pragma once

#include <string>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::ipam_api {

std::string text_of(const Allocation& allocation);

}  // namespace mooring::ipam_api
