// Why a decision fell as it did, line by line, for people: the rules tried, the pools tried and why each was passed
// over. The same text is in `mooringctl explain`, in the refusal and in the CNI error.
// Threading: one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace mooring::controller {

class Explanation {
 public:
  // Nothing is written down, and nothing costs anything, unless somebody wants it.
  explicit Explanation(bool wanted) : wanted_(wanted) {}

  template <class... Args>
  void add(fmt::format_string<Args...> form, Args&&... args) {
    if (wanted_) {
      lines_.push_back(fmt::format(form, std::forward<Args>(args)...));
    }
  }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  bool wanted_;
  std::vector<std::string> lines_;
};

}  // namespace mooring::controller
