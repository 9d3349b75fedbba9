#include "mooring/ipam_api/json_fields.hpp"

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

// Whether brackets are nested deeper than `max`. Looked at before parsing, since writing a value is recursive.
bool deeper_than(std::string_view text, std::size_t max) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1U : 0U;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max) {
        return true;
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view what, std::string_view text) {
  if (deeper_than(text, max_json_depth)) {
    return Error(Errc::invalid_argument, fmt::format("{} is JSON nested deeper than {}", what, max_json_depth));
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return Error(Errc::invalid_argument, fmt::format("{} is not JSON: at byte {}: {}", what, error.byte, error.what()));
  } catch (const Json::exception& error) {  // a number beyond all range
    return Error(Errc::invalid_argument, fmt::format("{} is not JSON: {}", what, error.what()));
  }
}

Fields::Fields(const Json& object, std::string_view where, Unknown unknown)
    : object_(object), where_(where), unknown_(unknown) {
  if (!object_.is_object()) {
    error_ = Error(Errc::invalid_argument, fmt::format("{} is {}, not a JSON object", where_, shown(object_)));
  }
}

const Json* Fields::find(std::string_view key) {
  known_.emplace(key);
  if (!object_.is_object()) {
    return nullptr;
  }
  const auto it = object_.find(std::string(key));
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool Fields::has(std::string_view key) const {
  const auto it = object_.is_object() ? object_.find(std::string(key)) : object_.end();
  return it != object_.end() && !it->is_null();
}

void Fields::fail(std::string_view key, const Error& error) {
  if (!error_) {
    error_ = error.within(fmt::format("{}.{}", where_, key));
  }
}

void Fields::missing(std::string_view key) {
  fail(key, Error(Errc::invalid_argument, "is missing"));
}

void Fields::wrong_type(std::string_view key, const Json& value, std::string_view expected) {
  fail(key, Error(Errc::invalid_argument, fmt::format("is {}, expected {}", shown(value), expected)));
}

std::string Fields::string(std::string_view key) {
  std::string value = string(key, "");
  if (value.empty()) {
    missing(key);
  }
  return value;
}

std::string Fields::string(std::string_view key, std::string_view fallback) {
  const Json* value = find(key);
  if (value == nullptr) {
    return std::string(fallback);
  }
  if (!value->is_string()) {
    wrong_type(key, *value, "a string");
    return std::string(fallback);
  }
  const auto& text = value->get_ref<const std::string&>();
  return text.empty() ? std::string(fallback) : text;
}

std::uint64_t Fields::number(std::string_view key) {
  if (!has(key)) {
    known_.emplace(key);
    missing(key);
    return 0;
  }
  return number(key, 0);
}

std::uint64_t Fields::number(std::string_view key, std::uint64_t fallback) {
  const Json* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (!value->is_number_unsigned() && !(value->is_number_integer() && value->get<std::int64_t>() >= 0)) {
    wrong_type(key, *value, "a whole number, 0 or more");
    return fallback;
  }
  return value->get<std::uint64_t>();
}

bool Fields::boolean(std::string_view key, bool fallback) {
  const Json* value = find(key);
  if (value == nullptr) {
    return fallback;
  }
  if (!value->is_boolean()) {
    wrong_type(key, *value, "true or false");
    return fallback;
  }
  return value->get<bool>();
}

std::vector<std::string> Fields::strings(std::string_view key) {
  std::vector<std::string> out;
  if (const Json* list = array(key)) {
    for (const Json& item : *list) {
      if (!item.is_string()) {
        wrong_type(key, *list, "a list of strings");
        return {};
      }
      out.push_back(item.get<std::string>());
    }
  }
  return out;
}

const Json* Fields::object(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && !value->is_object()) {
    wrong_type(key, *value, "an object");
    return nullptr;
  }
  return value;
}

const Json* Fields::array(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && !value->is_array()) {
    wrong_type(key, *value, "a list");
    return nullptr;
  }
  return value;
}

std::optional<Error> Fields::finish() {
  if (!error_ && unknown_ == Unknown::refuse && object_.is_object()) {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.contains(key)) {
        std::string fields;
        for (const auto& name : known_) {
          fields += (fields.empty() ? "" : ", ") + name;
        }
        return Error(Errc::invalid_argument, fmt::format("{}.{} is not a field", where_, key),
                     fmt::format("known fields: {}", fields));
      }
    }
  }
  return error_;
}

}  // namespace mooring::ipam_api
