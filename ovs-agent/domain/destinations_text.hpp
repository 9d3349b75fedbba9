// The destinations in use as a file: an agent that starts after Open vSwitch has lost its flows programs them before
// somebody has to ask. It is a hint: what is damaged or missing costs a first packet its detour, nothing else.
//
// Format: "mooring-destinations 1\n", then a line each, "VNI ADDRESS\n", the most recently used first.
// Pure. Threading: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mooring/directory/port_table.hpp"

namespace mooring::agent {

std::string write_destinations(const std::vector<directory::PortKey>& keys);
// At most `most`; up to the first line that is none. Of another format: none.
std::vector<directory::PortKey> read_destinations(std::string_view text, std::size_t most);

}  // namespace mooring::agent
