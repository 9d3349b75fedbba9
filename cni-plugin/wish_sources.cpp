#include "cni-plugin/wish_sources.hpp"

#include <fmt/format.h>

namespace mooring::cni {

Error Wish::wrong(const Error& error) const {
  const bool keeps_code = error.code() == Errc::unsupported;
  return Error(keeps_code ? error.code() : code, source + ": " + error.message(), error.hint());
}

Result<Wish> WishSources::annotation(std::initializer_list<const char*> names) const {
  Wish found;
  for (const char* name : names) {
    const auto from_pod = configured_.annotations.find(name);
    if (from_pod == configured_.annotations.end() || from_pod->second.empty()) {
      continue;
    }
    const std::string source = fmt::format("annotation mooring.io/{}", name);
    if (!found.value.empty()) {
      return Error(Errc::invalid_config, fmt::format("{} and {} are both there", found.source, source), "drop one");
    }
    found = {from_pod->second, source};
  }
  return found;
}

Wish WishSources::argument(std::initializer_list<const char*> names) const {
  for (const char* name : names) {
    const auto it = call_.args.find(name);
    if (it != call_.args.end() && !it->second.empty()) {
      return {it->second, fmt::format("CNI_ARGS {}", name), Errc::bad_environment};
    }
  }
  return {};
}

Result<Wish> WishSources::of_pod(std::initializer_list<const char*> annotations,
                                 std::initializer_list<const char*> args) const {
  auto wish = annotation(annotations);
  return !wish || !wish->value.empty() ? wish : Result<Wish>(argument(args));
}

Wish WishSources::configured(const char* key, const std::string& value) {
  return {value, fmt::format("network configuration: {}", key)};
}

Result<std::vector<std::string>> items_of(const Wish& wish) {
  std::vector<std::string> items;
  std::string_view rest = wish.value;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    while (item.starts_with(' ')) {
      item.remove_prefix(1);
    }
    while (item.ends_with(' ')) {
      item.remove_suffix(1);
    }
    const bool ends_with_comma = comma != std::string_view::npos && rest.empty();
    if (item.empty() || ends_with_comma) {
      return wish.wrong(Error(Errc::invalid_argument, fmt::format("'{}' has an empty item", wish.value),
                              "items with commas between, like a,b"));
    }
    items.emplace_back(item);
  }
  return items;
}

}  // namespace mooring::cni
