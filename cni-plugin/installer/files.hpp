// Files that a runtime may be reading or executing: written under another name in the same folder, fsynced, then
// renamed over the old one, so that whoever opens the name gets the old or the new one whole (CNI runtimes retry
// ETXTBSY, but not for ever). Errors: Errc::io, naming the file. Threading: none of its own; two writers of one name:
// the last rename wins.
#pragma once

#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring::installer {

Result<std::string> read_file(const std::string& path);
// True if the file was written, false if it had this content and mode already.
Result<bool> put_file(const std::string& path, std::string_view content, unsigned mode);
// True if there was one.
Result<bool> remove_file(const std::string& path);
// With its parents, mode 0755.
Result<void> make_folder(const std::string& path);

}  // namespace mooring::installer
