// How mooringctl shows objects: aligned tables, JSON, YAML.
// Threading: values.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/cli/kinds.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

using ipam_api::Json;

enum class Format { table, wide, json, yaml };
Result<Format> parse_format(std::string_view text);

// Rows of cells under headers; every column as wide as its widest cell, three spaces between, none at a line's end.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> headers) { rows_.push_back(std::move(headers)); }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(std::ostream& out, std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// One cell: "-" for nothing, yes/no, lists joined by commas, objects as "app=shop tier=db". Control characters become
// '?': what a server says must not steer a terminal.
std::string cell_text(const Json& value);
// The field of an object by the path of a Column ("dns.nameservers"); null if it is not there.
const Json& field_at(const Json& object, std::string_view path);

// cell_text(field_at(…)); two fields as "cidr+cidr6", those that are there; …_ms as a time, …_seconds as a duration.
std::string cell_of(const Json& object, std::string_view path);

// The table of one kind's objects.
void print_table(std::ostream& out, const Kind& kind, const Json& items, bool wide, std::string_view indent = "");
// One object as "Label:  value" lines, all columns.
void print_details(std::ostream& out, const Kind& kind, const Json& object);
// JSON or YAML, with a newline at the end.
void print_document(std::ostream& out, const Json& document, Format format);

// Block style; a text is quoted unless no YAML version could take it for anything else.
std::string yaml_text(const Json& document);

}  // namespace mooring::ctl
