#include "ipam-controller/api/filters.hpp"

#include <utility>

namespace mooring::controller {

Result<Filters> filters_of(const Call& call, std::initializer_list<std::string_view> known) {
  if (const auto fits = only_parameters(call, known); !fits) {
    return fits.error();
  }
  Filters filters;
  for (const auto& [key, target] : {std::pair<const char*, std::string*>{"network", &filters.network},
                                    {"namespace", &filters.namespace_},
                                    {"node", &filters.node}}) {
    const std::string_view value = call.request.parameter(key);
    if (value.empty()) {
      continue;
    }
    auto name = ipam_api::parse_name(key, value);
    if (!name) {
      return name.error();
    }
    *target = std::move(*name);
  }
  return filters;
}

}  // namespace mooring::controller
