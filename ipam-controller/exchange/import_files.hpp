// What `mooringctl import FORMAT FILE…` reads: from files and folders to one Reading.
// Threading: one thread; reads files.
#pragma once

#include <string>
#include <vector>

#include "ipam-controller/exchange/reading.hpp"

namespace mooring::exchange {

struct ImportSources {
  std::string format;              // one of format_names()
  std::vector<std::string> paths;  // files; host-local: folders
  std::vector<std::string> pods;   // host-local: files from `crictl pods -o json`
};

// "csv, host-local, json, kea, …"
std::string format_names();

// An error is one of the command line (an unknown format, a file that cannot be read). What is wrong inside of the
// files are the Reading's faults.
Result<Reading> read_sources(const ImportSources& sources, const Rules& rules);

}  // namespace mooring::exchange
