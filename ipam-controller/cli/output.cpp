#include "ipam-controller/cli/output.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <ostream>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "mooring/ipam_api/retention.hpp"

namespace mooring::ctl {
namespace {

constexpr std::size_t gap = 3;

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

// "MACHINE ID" -> "Machine id:"
std::string label_of(std::string_view header) {
  std::string label(header);
  std::transform(label.begin() + 1, label.end(), label.begin() + 1,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (const std::string_view whole : {"ID", "VNI", "MAC", "MTU", "DNS", "CIDR", "VTEP"}) {
    if (header == whole) {
      label = whole;
    }
  }
  return label + ":";
}

// Unix milliseconds as "2026-11-21T01:36:38Z".
std::string utc_text(std::int64_t ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(ms / 1000)));
}

bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 9> taken{"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto safe = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/'; };
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), safe) &&
         std::find(taken.begin(), taken.end(), lower) == taken.end();
}

std::string dumped(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_plain(text) ? text : dumped(value);  // a JSON string is a YAML string
  }
  return dumped(value);
}

bool is_block(const Json& value) {
  return (value.is_object() || value.is_array()) && !value.empty();
}

void append_yaml(std::string& out, const Json& value, std::size_t depth) {
  const std::string indent(depth * 2, ' ');
  if (value.is_array()) {
    for (const Json& item : value) {
      if (is_block(item)) {
        // The first line of the item stands behind its dash.
        std::string block;
        append_yaml(block, item, depth + 1);
        out += indent + "- " + block.substr((depth + 1) * 2);
      } else {
        out += indent + "- " + scalar(item) + "\n";
      }
    }
    return;
  }
  for (const auto& [key, item] : value.items()) {
    out += indent + scalar(Json(key)) + ":";
    if (is_block(item)) {
      out += "\n";
      append_yaml(out, item, item.is_array() ? depth : depth + 1);
    } else {
      out += " " + scalar(item) + "\n";
    }
  }
}

}  // namespace

Result<Format> parse_format(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Format>, 4> known{
      {{"table", Format::table}, {"wide", Format::wide}, {"json", Format::json}, {"yaml", Format::yaml}}};
  for (const auto& [name, format] : known) {
    if (text == name) {
      return format;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("there is no output format \"{}\"", text),
               "formats are: table, wide, json, yaml");
}

void TextTable::print(std::ostream& out, std::string_view indent) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  for (const auto& row : rows_) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) {
        line.append(widths[i] - row[i].size() + gap, ' ');
      }
    }
    out << line << '\n';
  }
}

std::string cell_text(const Json& value) {
  if (value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty())) {
    return "-";
  }
  if (value.is_boolean()) {
    return value.get<bool>() ? "yes" : "no";
  }
  if (value.is_string()) {
    return printable(value.get_ref<const std::string&>());
  }
  if (value.is_array()) {
    std::string joined;
    for (const Json& item : value) {
      joined += (joined.empty() ? "" : ",") + cell_text(item);
    }
    return joined.empty() ? "-" : joined;
  }
  if (value.is_object() && value.contains("destination")) {  // a route
    return cell_text(value["destination"]) + (value.contains("via") ? " via " + cell_text(value["via"]) : "");
  }
  if (value.is_object()) {  // "app=shop tier=db"
    std::string joined;
    for (const auto& [key, item] : value.items()) {
      joined += (joined.empty() ? "" : " ") + printable(key) + "=" + cell_text(item);
    }
    return joined.empty() ? "-" : joined;
  }
  return printable(dumped(value));
}

const Json& field_at(const Json& object, std::string_view path) {
  static const Json nothing;
  const Json* at = &object;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string key(path.substr(0, dot));
    path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
    if (!at->is_object() || !at->contains(key)) {
      return nothing;
    }
    at = &(*at)[key];
  }
  return *at;
}

std::string cell_of(const Json& object, std::string_view path) {
  if (const std::size_t plus = path.find('+'); plus != path.npos) {
    const std::string first = cell_of(object, path.substr(0, plus));
    const std::string second = cell_of(object, path.substr(plus + 1));
    return second == "-" ? first : first == "-" ? second : first + "," + second;
  }
  const Json& value = field_at(object, path);
  if (value.is_number_unsigned() && path.ends_with("_ms")) {
    return value == 0 ? "-" : utc_text(value.get<std::int64_t>());
  }
  if (value.is_number_unsigned() && path.ends_with("_seconds")) {
    return value == 0 ? "-" : ipam_api::duration_text(value.get<std::uint64_t>());
  }
  return cell_text(value);
}

void print_table(std::ostream& out, const Kind& kind, const Json& items, bool wide, std::string_view indent) {
  std::vector<std::string> headers;
  for (const Column& column : kind.columns) {
    if (wide || !column.wide) {
      headers.emplace_back(column.header);
    }
  }
  TextTable table(std::move(headers));
  for (const Json& item : items) {
    std::vector<std::string> cells;
    for (const Column& column : kind.columns) {
      if (wide || !column.wide) {
        cells.push_back(cell_of(item, column.field));
      }
    }
    table.add(std::move(cells));
  }
  table.print(out, indent);
}

void print_details(std::ostream& out, const Kind& kind, const Json& object) {
  std::size_t width = 0;
  for (const Column& column : kind.columns) {
    width = std::max(width, column.header.size() + 1);
  }
  for (const Column& column : kind.columns) {
    std::string label = label_of(column.header);
    label.append(width - label.size() + 2, ' ');
    out << label << cell_of(object, column.field) << '\n';
  }
}

void print_document(std::ostream& out, const Json& document, Format format) {
  if (format == Format::yaml) {
    out << yaml_text(document);
  } else {
    out << dumped(document, 2) << '\n';
  }
}

std::string yaml_text(const Json& document) {
  if (!is_block(document)) {
    return scalar(document) + "\n";
  }
  std::string out;
  append_yaml(out, document, 0);
  return out;
}

}  // namespace mooring::ctl
