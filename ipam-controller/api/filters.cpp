#include "ipam-controller/api/filters.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

constexpr std::size_t max_limit = 10'000;

Result<std::size_t> limit_from(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0 || value > max_limit) {
    return Error(Errc::invalid_argument, fmt::format("limit '{}' is not a number from 1 to {}", text, max_limit));
  }
  return value;
}

}  // namespace

bool Filters::labels_fit(const Labels& value) const {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& wanted) {
    const auto it = value.find(wanted.first);
    return it != value.end() && it->second == wanted.second;
  });
}

Result<Filters> filters_of(const Call& call, const std::vector<std::string_view>& known) {
  std::vector<std::string_view> all = known;
  all.insert(all.end(), {"limit", "continue"});
  if (const auto fits = only_parameters(call, all); !fits) {
    return fits.error();
  }
  Filters filters;
  for (const auto& [key, target] : {std::pair<const char*, std::string*>{"network", &filters.network},
                                    {"namespace", &filters.namespace_},
                                    {"node", &filters.node},
                                    {"subnet", &filters.subnet},
                                    {"pool", &filters.pool}}) {
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
  filters.hostname = call.request.parameter("hostname");
  // Several as label=app=shop,tier=db: values of labels have no commas.
  std::string_view wanted = call.request.parameter("label");
  while (!wanted.empty()) {
    const std::string_view label = wanted.substr(0, wanted.find(','));
    wanted.remove_prefix(std::min(wanted.size(), label.size() + 1));
    const auto equals = label.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return Error(Errc::invalid_argument, fmt::format("label '{}' is not KEY=VALUE", label), "label=app=shop,tier=db");
    }
    filters.labels[std::string(label.substr(0, equals))] = label.substr(equals + 1);
  }
  if (const std::string_view limit = call.request.parameter("limit"); !limit.empty()) {
    const auto parsed = limit_from(limit);
    if (!parsed) {
      return parsed.error();
    }
    filters.paging.limit = *parsed;
  }
  filters.paging.after = call.request.parameter("continue");
  return filters;
}

}  // namespace mooring::controller
