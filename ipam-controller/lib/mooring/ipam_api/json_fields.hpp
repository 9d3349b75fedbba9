// Strict reading of a JSON object: each error names the field by its path, its value, and what was expected.
//
//   Fields fields(object, "subnet");
//   const auto name = fields.string("name");          // required
//   const auto mtu = fields.number("mtu_bytes", 0);   // with a default
//   if (auto bad = fields.finish()) return *bad;      // first error, unknown keys included
//
// Reading goes on after an error (defaults are returned), so that one `finish()` at the end is enough.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "mooring/base/error.hpp"

namespace mooring::ipam_api {

using Json = nlohmann::json;

inline constexpr std::size_t max_json_depth = 64;

// Parses text; the error says where it broke. Nesting beyond max_json_depth is refused; size is the caller's to bound.
Result<Json> parse_json(std::string_view what, std::string_view text);

class Fields {
 public:
  enum class Unknown { refuse, ignore };
  // `where` names the object in messages. `object` must outlive this.
  Fields(const Json& object, std::string_view where, Unknown unknown = Unknown::refuse);

  std::string string(std::string_view key);                             // required, not empty
  std::string string(std::string_view key, std::string_view fallback);  // absent, null or "" -> fallback
  std::uint64_t number(std::string_view key);                           // required
  std::uint64_t number(std::string_view key, std::uint64_t fallback);
  bool boolean(std::string_view key, bool fallback);
  std::vector<std::string> strings(std::string_view key);  // absent or null -> empty
  const Json* object(std::string_view key);                // absent or null -> nullptr
  const Json* array(std::string_view key);                 // absent or null -> nullptr
  bool has(std::string_view key) const;
  // Known, and ignored.
  void allow(std::string_view key) { known_.emplace(key); }

  // A field whose text must parse: fields.parsed("gateway", &Ipv4Address::parse).
  template <class T>
  T parsed(std::string_view key, Result<T> (*parse)(std::string_view)) {
    return take(key, parse(string(key)));
  }
  template <class T>
  std::optional<T> parsed_if_present(std::string_view key, Result<T> (*parse)(std::string_view)) {
    const std::string text = string(key, "");
    return text.empty() ? std::nullopt : std::optional<T>(take(key, parse(text)));
  }
  // Files an error found by the caller under this field.
  template <class T>
  T take(std::string_view key, Result<T> result) {
    if (!result) {
      fail(key, result.error());
      return T{};
    }
    return std::move(result).value();
  }
  void fail(std::string_view key, const Error& error);

  std::optional<Error> finish();

 private:
  const Json* find(std::string_view key);
  void wrong_type(std::string_view key, const Json& value, std::string_view expected);
  void missing(std::string_view key);

  const Json& object_;
  std::string where_;
  Unknown unknown_;
  std::set<std::string, std::less<>> known_;
  std::optional<Error> error_;
};

}  // namespace mooring::ipam_api
