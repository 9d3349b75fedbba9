// The file of domain/destinations_text.hpp. Threading: any; blocks for a write of some kilobytes.
#pragma once

#include <string>
#include <vector>

#include "mooring/directory/port_table.hpp"

namespace mooring::agent {

// Whole or not at all, but for power loss, which may cost it. What fails is logged: nothing depends on it.
void remember_destinations(const std::string& path, const std::vector<directory::PortKey>& keys);
// None if there is no file.
std::vector<directory::PortKey> remembered_destinations(const std::string& path, std::size_t most);

}  // namespace mooring::agent
