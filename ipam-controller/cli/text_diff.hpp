// The lines in which two texts differ, as people read them.
// Threading: pure function.
#pragma once

#include <string>
#include <string_view>

namespace mooring::ctl {

// "-" lines of `before`, "+" lines of `after`, and around them up to `context` lines of both behind a blank; "…" where
// lines are left out. "" if they are the same. For texts of some hundred lines (it compares all with all).
std::string line_diff(std::string_view before, std::string_view after, std::size_t context = 2);

}  // namespace mooring::ctl
