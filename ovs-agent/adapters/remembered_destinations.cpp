#include "ovs-agent/adapters/remembered_destinations.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include <spdlog/spdlog.h>

#include "ovs-agent/domain/destinations_text.hpp"

namespace mooring::agent {

void remember_destinations(const std::string& path, const std::vector<directory::PortKey>& keys) {
  const std::string next = path + ".new";
  std::ofstream file(next, std::ios::trunc | std::ios::binary);
  file << write_destinations(keys);
  file.close();
  if (!file || std::rename(next.c_str(), path.c_str()) != 0) {
    spdlog::warn("writing {}: {}: after a restart of everything, destinations come back when they are asked for", path,
                 std::strerror(errno));
  }
}

std::vector<directory::PortKey> remembered_destinations(const std::string& path, std::size_t most) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) {
    text << file.rdbuf();
  }
  return read_destinations(text.str(), most);
}

}  // namespace mooring::agent
