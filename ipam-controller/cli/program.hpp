// mooringctl as a function, so that tests run it whole.
// Threading: one thread.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace mooring::ctl {

// `arguments` without the program's name. Returns the exit code: 0; 1 a problem; 2 wrong usage or a malformed value.
// Errors go to `err` as "error: …" and, where there is a way out, "hint: …". MOORING_SERVER and MOORING_TOKEN_FILE are
// read from the environment.
int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace mooring::ctl
