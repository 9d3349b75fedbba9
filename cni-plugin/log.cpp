#include "cni-plugin/log.hpp"

#include <string>
#include <unistd.h>

namespace mooring::cni {

void log_line(std::string_view text) {
  const std::string line = "mooring: " + std::string(text) + "\n";
  // One write, so that lines of plugins that run at once do not mix. Nothing can be done if it fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mooring::cni
