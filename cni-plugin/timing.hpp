// Where the time of one call goes: with MOORING_TIMING=1 in the environment one line on standard error, "timing: parse
// 0.1 …" (milliseconds, in the order of the steps). For scripts/bench and for people who wonder why a node is slow.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "cni-plugin/unix_stream.hpp"

namespace mooring::cni {

class Timing {
 public:
  Timing();
  // The time since the step before belongs to this one.
  void step(std::string_view name);
  void tell() const;

 private:
  bool wanted_;
  Deadline last_;
  std::vector<std::pair<std::string_view, double>> steps_;
};

}  // namespace mooring::cni
