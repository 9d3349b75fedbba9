// errno -> Error, one table for netlink answers, system calls and ioctls.
#pragma once

#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::netlink {

// `doing` reads "creating link eth0"; `explanation` is the kernel's own text, if it gave one.
Error system_error(std::string_view doing, int error_number, std::string_view explanation = {});

}  // namespace mooring::netlink
