// The filters of lists: ?network=…&namespace=…&node=…
// Threading: values.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

struct Filters {
  std::string network, namespace_, node;  // "" = all

  bool network_fits(std::string_view value) const { return network.empty() || network == value; }
  bool namespace_fits(std::string_view value) const { return namespace_.empty() || namespace_ == value; }
  bool node_fits(std::string_view value) const { return node.empty() || node == value; }
};

// Only those of `known` are taken; others, and what is no name, are refused.
Result<Filters> filters_of(const Call& call, std::initializer_list<std::string_view> known);

}  // namespace mooring::controller
