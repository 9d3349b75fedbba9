#include "ipam-controller/exchange/yaml.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <fmt/format.h>

namespace mooring::exchange {
namespace {

constexpr std::string_view text_tag = "tag:yaml.org,2002:str";

// Thrown through yaml-cpp, caught in documents_in.
struct Refused {
  std::size_t line;
  std::string cause;
  std::string hint;
};

std::size_t line_at(const YAML::Mark& mark) {
  return static_cast<std::size_t>(std::max(mark.line, 0)) + 1;
}

template <class Number>
std::optional<Number> whole(std::string_view digits, int base) {
  Number value{};
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return failed == std::errc{} && end == digits.data() + digits.size() && !digits.empty() ? std::optional(value)
                                                                                          : std::nullopt;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_float(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    text.remove_prefix(1);
  }
  const auto exponent = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, exponent);
  if (exponent != text.npos) {
    std::string_view power = text.substr(exponent + 1);
    if (!power.empty() && (power.front() == '-' || power.front() == '+')) {
      power.remove_prefix(1);
    }
    if (!all_digits(power)) {
      return false;
    }
  }
  const auto dot = mantissa.find('.');
  const std::string_view before = mantissa.substr(0, dot);
  const std::string_view after = dot == mantissa.npos ? "" : mantissa.substr(dot + 1);
  const bool has_digits = !before.empty() || !after.empty();
  return has_digits && (before.empty() || all_digits(before)) && (after.empty() || all_digits(after)) &&
         (dot != mantissa.npos || exponent != text.npos);
}

// A plain (unquoted) scalar by the core schema.
Json plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return nullptr;
  }
  if (text == "true" || text == "True" || text == "TRUE") {
    return true;
  }
  if (text == "false" || text == "False" || text == "FALSE") {
    return false;
  }
  const std::string_view view = text;
  if (view.starts_with("0x")) {
    const auto value = whole<std::uint64_t>(view.substr(2), 16);
    return value ? Json(*value) : Json(text);
  }
  if (view.starts_with("0o")) {
    const auto value = whole<std::uint64_t>(view.substr(2), 8);
    return value ? Json(*value) : Json(text);
  }
  if (all_digits(view)) {
    const auto value = whole<std::uint64_t>(view, 10);
    return value ? Json(*value) : Json(text);
  }
  if (view.front() == '-' && all_digits(view.substr(1))) {
    const auto value = whole<std::int64_t>(view, 10);
    return value ? Json(*value) : Json(text);
  }
  if (is_float(view)) {
    const double value = std::strtod(text.c_str(), nullptr);
    return std::isfinite(value) ? Json(value) : Json(text);
  }
  return text;
}

class Builder : public YAML::EventHandler {
 public:
  // `begun`: where the document before began.
  Builder(Document& document, int& begun) : document_(document), begun_(begun) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    document_.line = line_at(mark);
    // A stray "}" is an empty document after the other to yaml-cpp 0.7, for ever.
    if (mark.pos == begun_) {
      throw Refused{line_at(mark), "something stands here that belongs to nothing",
                    "is a bracket or a brace too many?"};
    }
    begun_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { value(mark, anchor, nullptr); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{line_at(mark), "an alias (*NAME) stands here", "write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    // "?": plain; "!": quoted or a block.
    if (!tag.empty() && tag != "?" && tag != "!" && tag != text_tag) {
      throw Refused{line_at(mark), fmt::format("it has the tag {}", tag), "leave the tag away"};
    }
    const bool plain = tag == "?" || tag.empty();
    const bool names = !stack_.empty() && stack_.back().container->is_object() && !stack_.back().key;
    value(mark, anchor, plain && !names ? plain_scalar(text) : Json(text));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::array());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::object());
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Json* container;
    std::optional<std::string> key;  // of the value that comes next, in an object
    std::string pointer;
  };

  // Puts a value where it belongs; its place.
  Json* value(const YAML::Mark& mark, YAML::anchor_t anchor, Json item) {
    if (anchor != 0) {
      throw Refused{line_at(mark), "an anchor (&NAME) stands here", "leave it away, and write the value out"};
    }
    if (stack_.empty()) {
      document_.value = std::move(item);
      return &document_.value;
    }
    Level& level = stack_.back();
    if (level.container->is_array()) {
      level.container->push_back(std::move(item));
      return &level.container->back();
    }
    if (!level.key) {
      if (!item.is_string()) {
        throw Refused{line_at(mark), "a name in an object must be a text", ""};
      }
      level.key = item.get<std::string>();
      if (level.container->contains(*level.key)) {
        throw Refused{line_at(mark), fmt::format("\"{}\" comes twice in one object", *level.key), "take one away"};
      }
      return nullptr;
    }
    Json& place = (*level.container)[*level.key];
    place = std::move(item);
    level.key.reset();
    return &place;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json empty) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Refused{line_at(mark), fmt::format("it has the tag {}", tag), "leave the tag away"};
    }
    if (stack_.size() >= ipam_api::max_json_depth) {
      throw Refused{line_at(mark), fmt::format("it is nested deeper than {}", ipam_api::max_json_depth), ""};
    }
    if (!stack_.empty() && stack_.back().container->is_object() && !stack_.back().key) {
      throw Refused{line_at(mark), "a name in an object must be a text", ""};
    }
    std::string pointer = stack_.empty() ? "" : stack_.back().pointer + "/" + step();
    if (empty.is_object()) {
      document_.lines.emplace(pointer, line_at(mark));
    }
    Json* place = value(mark, anchor, std::move(empty));
    stack_.push_back(Level{place, std::nullopt, std::move(pointer)});
  }
  std::string step() const {
    const Level& level = stack_.back();
    return level.key ? *level.key : std::to_string(level.container->size());
  }
  void close() { stack_.pop_back(); }

  Document& document_;
  int& begun_;
  std::vector<Level> stack_;
};

Error broken(const TextFile& file, std::size_t line, const std::string& cause, const std::string& hint = {}) {
  return Error(Errc::invalid_argument, fmt::format("reading {}: line {}: {}", file.name, line, cause), hint);
}

}  // namespace

std::size_t Document::line_of(std::string pointer) const {
  while (true) {
    if (const auto found = lines.find(pointer); found != lines.end()) {
      return found->second;
    }
    if (pointer.empty()) {
      return line;
    }
    pointer.resize(pointer.rfind('/'));
  }
}

Result<std::vector<Document>> documents_in(const TextFile& file) {
  std::istringstream in(file.text);
  std::vector<Document> documents;
  try {
    YAML::Parser parser(in);
    int begun = -1;
    while (true) {
      Document document;
      document.file = file.name;
      Builder builder(document, begun);
      if (!parser.HandleNextDocument(builder)) {
        return documents;
      }
      if (!document.value.is_null()) {
        documents.push_back(std::move(document));
      }
    }
  } catch (const Refused& refused) {
    return broken(file, refused.line, refused.cause, refused.hint);
  } catch (const YAML::Exception& error) {
    return broken(file, line_at(error.mark), error.msg, "is it YAML or JSON?");
  }
}

}  // namespace mooring::exchange
