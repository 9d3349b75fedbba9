// A binding as callers ask for it (docs/api/rest.md, "Objects").
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "ipam-controller/app/requests.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {

// Strict, but for fields that GET shows and nobody sets: those are ignored.
Result<NewBinding> new_binding_from(const ipam_api::Json& body);
Result<std::uint32_t> ordinal_from(std::string_view text);

}  // namespace mooring::controller
