// What the rules of validate*.cpp have in common. Known to them only.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::controller {

inline Error invalid(std::string message, std::string hint = {}) {
  return Error(Errc::invalid_argument, std::move(message), std::move(hint));
}

inline Result<void> check_name(std::string_view name) {
  const auto parsed = ipam_api::parse_name("name", name);
  return parsed ? ok() : Result<void>(parsed.error());
}

template <class T>
Result<void> check_name_is_new(const T* there, std::string_view kind, const std::string& name) {
  if (there != nullptr) {
    return Error(Errc::already_exists, fmt::format("{} {} exists", kind, name),
                 fmt::format("look at it: mooringctl describe {} {}", kind, name));
  }
  return ok();
}

}  // namespace mooring::controller
