// What a packet that met a flow is counted as. Each pipeline has a function that says so (domain/flow_meaning.hpp).
// Threading: values.
#pragma once

#include <string_view>

namespace mooring::metrics {

struct FlowMeaning {
  enum class Kind { nothing, drop, forward };
  Kind kind = Kind::nothing;
  std::string_view label;  // static: "spoofed", "direct": the value of the metric's label
};

}  // namespace mooring::metrics
