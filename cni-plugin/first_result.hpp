// The result of cniVersion 0.1.0 and 0.2.0: one address of each family under ip4 and ip6, with its routes; no
// interfaces. Source: CNI spec 0.2.0, "Result". Pure.
#pragma once

#include <string_view>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::cni {

bool has_first_shape(std::string_view cni_version);

// Out of a result of 1.0.0: of each family its first address and its routes.
ipam_api::Json first_shape_of(const std::string& cni_version, const ipam_api::Json& result);

}  // namespace mooring::cni
