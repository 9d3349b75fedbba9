// The id that a store gets when it is made (docs/architecture.md, "Incarnation").
#pragma once

#include <string>

namespace mooring::controller {

// 32 hexadecimal digits, at random.
std::string new_incarnation();

}  // namespace mooring::controller
