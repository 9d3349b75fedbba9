#include "ipam-controller/domain/patterns.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mooring::controller {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// What Kubernetes makes its suffixes of: no vowels, no 0, 1, 3 (k8s.io/apimachinery/pkg/util/rand).
bool generated(std::string_view text, std::size_t least, std::size_t most) {
  return text.size() >= least && text.size() <= most &&
         text.find_first_not_of("bcdfghjklmnpqrstvwxz2456789") == std::string_view::npos;
}

// "a-b-c" -> {"a-b", "c"}
std::pair<std::string_view, std::string_view> split_last(std::string_view text) {
  const auto dash = text.rfind('-');
  return dash == std::string_view::npos || dash == 0 ? std::pair(text, std::string_view())
                                                     : std::pair(text.substr(0, dash), text.substr(dash + 1));
}

}  // namespace

bool fits(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool fits_one(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return fits(pattern, text); });
}

const std::string* first_fitting(const std::vector<std::string>& patterns, const Asker& asker) {
  const auto it = std::find_if(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    const auto slash = pattern.find('/');
    return slash == std::string_view::npos
               ? fits(pattern, asker.namespace_)
               : fits(pattern.substr(0, slash), asker.namespace_) && fits(pattern.substr(slash + 1), asker.hostname);
  });
  return it == patterns.end() ? nullptr : &*it;
}

std::string mismatch(const Selector& selector, const Asker& asker) {
  const auto differs = [](std::string_view what, const std::string& is, const std::vector<std::string>& patterns) {
    return patterns.empty() || fits_one(patterns, is)
               ? std::string()
               : fmt::format("{} {} is not one of {}", what, is.empty() ? "(none)" : is, fmt::join(patterns, ", "));
  };
  for (std::string text : {differs("namespace", asker.namespace_, selector.namespaces),
                           differs("hostname", asker.hostname, selector.hostnames),
                           differs("node", asker.node, selector.nodes), differs("zone", asker.zone, selector.zones)}) {
    if (!text.empty()) {
      return text;
    }
  }
  for (const auto& [key, value] : selector.labels) {
    const auto it = asker.labels.find(key);
    if (it == asker.labels.end() || it->second != value) {
      return fmt::format("label {} is {}, not {}", key, it == asker.labels.end() ? "not there" : it->second, value);
    }
  }
  return {};
}

std::string workload_of(std::string_view hostname) {
  const auto [owner, last] = split_last(hostname);
  if (all_digits(last)) {
    return std::string(owner);
  }
  if (generated(last, 5, 5)) {
    const auto [deployment, hash] = split_last(owner);
    return std::string(generated(hash, 6, 10) ? deployment : owner);
  }
  return std::string(hostname);
}

}  // namespace mooring::controller
