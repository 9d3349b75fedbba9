// Standard output belongs to the one CNI answer; everything else goes to standard error, a line each.
#pragma once

#include <string_view>

namespace mooring::cni {

void log_line(std::string_view text);

}  // namespace mooring::cni
