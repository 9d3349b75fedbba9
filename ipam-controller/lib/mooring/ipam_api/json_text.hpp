// JSON written straight to text, for the few answers and entries that are written thousands of times a second. The
// same bytes as Json::dump(): compact, and the caller writes keys in their order.
//
// Threading: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mooring::ipam_api {

// With quotes and escapes; what is no UTF-8 is repaired with U+FFFD, as everywhere.
void append_json(std::string& out, std::string_view text);

class JsonText {
 public:
  explicit JsonText(std::size_t expected_bytes = 256) { text_.reserve(expected_bytes); }

  // Members of the object that is open; `key` needs no escapes.
  JsonText& text(std::string_view key, std::string_view value) {
    append_json(member(key), value);
    return *this;
  }
  JsonText& number(std::string_view key, std::uint64_t value);
  JsonText& boolean(std::string_view key, bool value) {
    member(key) += value ? "true" : "false";
    return *this;
  }
  // JSON as it is.
  JsonText& raw(std::string_view key, std::string_view json) {
    member(key) += json;
    return *this;
  }
  std::string finished() && {
    text_ += first_ ? "{}" : "}";
    return std::move(text_);
  }

 private:
  std::string& member(std::string_view key) {
    text_ += first_ ? "{\"" : ",\"";
    first_ = false;
    text_ += key;
    return text_ += "\":";
  }

  std::string text_;
  bool first_ = true;
};

}  // namespace mooring::ipam_api
