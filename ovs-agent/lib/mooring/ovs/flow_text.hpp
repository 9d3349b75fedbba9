// The shim's flows and strings as C++ values. Internal to mooring::ovs.
#pragma once

#include <memory>

#include "mooring/ovs/flow.hpp"
#include "mooring/ovs/shim/text.h"

namespace mooring::ovs {

struct ShimFree {
  void operator()(char* text) const { mo_free(text); }
};
// A string that the shim gave away: mostly an error, null meaning success.
using ShimText = std::unique_ptr<char, ShimFree>;

Flow flow_from(const mo_flow& raw);

}  // namespace mooring::ovs
