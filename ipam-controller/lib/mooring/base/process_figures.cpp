#include "mooring/base/process_figures.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace mooring {
namespace {

// The fields of /proc/self/stat from the third on: the second is the program's name, which may hold spaces.
std::istringstream stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto behind_name = line.rfind(')');
  return std::istringstream(behind_name == std::string::npos ? "" : line.substr(behind_name + 1));
}

double boot_time_seconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) {
      return std::stod(line.substr(6));
    }
  }
  return 0;
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::istringstream fields = stat_fields();
  std::string skipped;
  constexpr int before_utime = 11;          // fields 3 to 13
  constexpr int between_and_starttime = 6;  // fields 16 to 21
  for (int i = 0; i < before_utime; ++i) {
    fields >> skipped;
  }
  double user = 0;
  double system = 0;
  fields >> user >> system;
  for (int i = 0; i < between_and_starttime; ++i) {
    fields >> skipped;
  }
  double start = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t pages = 0;
  fields >> start >> virtual_bytes >> pages;
  figures.cpu_seconds = (user + system) / ticks;
  figures.start_time_seconds = boot_time_seconds() + start / ticks;
  figures.resident_bytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code failure;
  const std::filesystem::directory_iterator files("/proc/self/fd", failure);
  figures.open_fds = failure ? 0 : static_cast<std::uint64_t>(std::distance(begin(files), end(files)));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    figures.max_fds = limit.rlim_cur;
  }
  return figures;
}

}  // namespace mooring
