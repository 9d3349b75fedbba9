// The filters and pages of lists: ?network=…&namespace=…&node=…&subnet=…&pool=…&hostname=PATTERN, labels as
// ?label=KEY=VALUE,KEY=VALUE, and ?limit=N&continue=TEXT.
// Threading: values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/domain/patterns.hpp"

namespace mooring::controller {

struct Filters {
  std::string network, namespace_, node, subnet, pool, hostname;  // "" = all; hostname is a pattern
  Labels labels;
  Paging paging;

  bool network_fits(std::string_view value) const { return network.empty() || network == value; }
  bool namespace_fits(std::string_view value) const { return namespace_.empty() || namespace_ == value; }
  bool node_fits(std::string_view value) const { return node.empty() || node == value; }
  bool subnet_fits(std::string_view value) const { return subnet.empty() || subnet == value; }
  bool pool_fits(std::string_view value) const { return pool.empty() || pool == value; }
  bool hostname_fits(std::string_view value) const { return hostname.empty() || fits(hostname, value); }
  bool labels_fit(const Labels& value) const;
};

// Only those of `known` are taken (and limit, continue); others, and what is no name, are refused.
Result<Filters> filters_of(const Call& call, const std::vector<std::string_view>& known);

}  // namespace mooring::controller
