#include "ipam-controller/cli/text_diff.hpp"

#include <algorithm>
#include <vector>

namespace mooring::ctl {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

struct Line {
  char mark;  // ' ', '-', '+'
  std::string_view text;
};

// By the longest common subsequence.
std::vector<Line> compared(const std::vector<std::string_view>& before, const std::vector<std::string_view>& after) {
  const std::size_t width = after.size() + 1;
  std::vector<std::size_t> common((before.size() + 1) * width, 0);
  for (std::size_t i = before.size(); i-- > 0;) {
    for (std::size_t j = after.size(); j-- > 0;) {
      common[i * width + j] = before[i] == after[j] ? common[(i + 1) * width + j + 1] + 1
                                                    : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  std::vector<Line> lines;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() || j < after.size()) {
    if (i < before.size() && j < after.size() && before[i] == after[j]) {
      lines.push_back({' ', before[i++]});
      ++j;
    } else if (j == after.size() || (i < before.size() && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      lines.push_back({'-', before[i++]});
    } else {
      lines.push_back({'+', after[j++]});
    }
  }
  return lines;
}

}  // namespace

std::string line_diff(std::string_view before, std::string_view after, std::size_t context) {
  const std::vector<Line> lines = compared(lines_of(before), lines_of(after));
  std::string text;
  bool gap = false;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(at - std::min(at, context));
    const auto end = lines.begin() + static_cast<std::ptrdiff_t>(std::min(lines.size(), at + context + 1));
    if (std::none_of(begin, end, [](const Line& line) { return line.mark != ' '; })) {
      gap = true;
      continue;
    }
    if (gap && !text.empty()) {
      text += "  …\n";
    }
    gap = false;
    text += std::string(1, lines[at].mark) + " " + std::string(lines[at].text) + "\n";
  }
  return text;
}

}  // namespace mooring::ctl
