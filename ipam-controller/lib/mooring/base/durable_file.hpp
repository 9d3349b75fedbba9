// Files that power loss leaves whole: the old content or the new one. Errors name the file and the step.
// Threading: none of its own; two writers of one name: the last rename wins.
#pragma once

#include <string>
#include <string_view>

#include "mooring/base/error.hpp"

namespace mooring {

// False: errno says why, and a part may be written. Goes on after signals.
bool write_all(int fd, std::string_view bytes);

// Makes durable that `path` is in its folder under this name, or is not there any more.
Result<void> make_name_durable(const std::string& path);

// PATH.new is written with that mode, synced and renamed to `path`, and the name is on the disk when it returns. What
// fails is an error of `code`; `path` is then what it was, but for a folder that cannot be synced.
Result<void> replace_file(const std::string& path, std::string_view content, Errc code = Errc::io,
                          unsigned mode = 0600);

}  // namespace mooring
