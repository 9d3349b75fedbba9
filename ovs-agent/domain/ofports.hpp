// OpenFlow port numbers of br-int for pods, given out by the agent before the port exists, so that its flows can be
// there first. Next-fit: a number that has just become free is taken last, so that a late flow or packet of its former
// port does not meet the new one. Pure. Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>

#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {

class Ofports {
 public:
  explicit Ofports(std::uint32_t first = port::first_pod, std::uint32_t last = port::last_pod)
      : first_(first), last_(last), next_(first) {}

  // None: all are in use.
  std::optional<std::uint32_t> reserve() {
    for (std::uint32_t tried = 0; tried <= last_ - first_; ++tried) {
      const std::uint32_t candidate = next_;
      next_ = next_ == last_ ? first_ : next_ + 1;
      if (used_.insert(candidate).second) {
        return candidate;
      }
    }
    return std::nullopt;
  }
  // A number that is in use already: vswitchd gave it.
  void take(std::uint32_t ofport) { used_.insert(ofport); }
  void release(std::uint32_t ofport) { used_.erase(ofport); }
  std::size_t in_use() const { return used_.size(); }

 private:
  std::uint32_t first_, last_, next_;
  std::unordered_set<std::uint32_t> used_;
};

}  // namespace mooring::agent
