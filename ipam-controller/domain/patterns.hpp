// Who is meant by patterns and selectors (objects.hpp, Selector). Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

// A pod as rules and pools see it.
struct Asker {
  std::string namespace_, hostname, node, zone;
  Labels labels;
};

// `*` stands for any text, `?` for one character; everything else for itself.
bool fits(std::string_view pattern, std::string_view text);
bool fits_one(const std::vector<std::string>& patterns, std::string_view text);
// Patterns "NAMESPACE" (all its hostnames) or "NAMESPACE/HOSTNAME". Returns the one that fits; nullptr: none.
const std::string* first_fitting(const std::vector<std::string>& patterns, const Asker& asker);

// Empty: selected. Else what does not fit: "namespace shop is not one of prod, test-*".
std::string mismatch(const Selector& selector, const Asker& asker);

// The owner that a hostname seems to belong to: without a StatefulSet's ordinal ("redis-3" -> "redis") or a
// Deployment's hashes ("web-7d9c5b7f6d-x2k4p" -> "web").
std::string workload_of(std::string_view hostname);

}  // namespace mooring::controller
