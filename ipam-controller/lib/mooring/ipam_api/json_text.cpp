#include "mooring/ipam_api/json_text.hpp"

#include <algorithm>
#include <charconv>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ipam_api {

void append_json(std::string& out, std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
  } else {
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

JsonText& JsonText::number(std::string_view key, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  member(key).append(digits, end);
  return *this;
}

}  // namespace mooring::ipam_api
