// Our own form: one binding a row, the columns of the API's fields.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/formats.hpp"

namespace mooring::exchange {
namespace {

constexpr std::array columns{"network", "namespace", "hostname",  "interface_ordinal", "addresses", "mac",
                             "kind",    "pool",      "retention", "workload",          "labels",    "note"};

// Cells that hold several: "10.0.0.5 fd00::5", "app=shop tier=db". Any of space, comma and semicolon is between two.
std::vector<std::string> words(const std::string& cell) {
  std::vector<std::string> found;
  std::string word;
  for (const char c : cell + " ") {
    if (c != ' ' && c != ',' && c != ';') {
      word += c;
    } else if (!word.empty()) {
      found.push_back(std::move(word));
      word.clear();
    }
  }
  return found;
}

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, " "));
}

// One row on its way to an item; the first fault of a cell is filed under its column.
class Row {
 public:
  Row(const TextFile& file, const CsvTable& table, const CsvRow& row, Reading& reading)
      : place_{file.name, row.line, ""}, table_(table), row_(row), reading_(reading) {}

  const std::string& cell(std::string_view column) const { return table_.cell(row_, column); }
  bool good() const { return good_; }
  const Place& place() const { return place_; }

  void refuse(std::string_view column, const std::string& cause, const std::string& hint = {}) {
    good_ = false;
    reading_.fault({place_, std::string(column), cell(column), cause, hint});
  }
  template <class T>
  T take(std::string_view column, Result<T> parsed) {
    if (!parsed) {
      refuse(column, parsed.error().message(), parsed.error().hint());
      return T{};
    }
    return std::move(*parsed);
  }

 private:
  Place place_;
  const CsvTable& table_;
  const CsvRow& row_;
  Reading& reading_;
  bool good_ = true;
};

void take_addresses(Row& row, std::string_view column, ImportItem& item) {
  for (const std::string& text : words(row.cell(column))) {
    const auto address = net::IpAddress::parse(text);
    if (!address) {
      row.refuse(column, address.error().message(), address.error().hint());
    } else if (item.addresses.of(address->family())) {
      row.refuse(column, fmt::format("it has two {} addresses", net::to_string(address->family())),
                 "a binding has one of each family at most");
    } else {
      item.addresses.set(*address);
    }
  }
  if (item.addresses.empty() && row.good()) {
    row.refuse(column, "it has no address", "write one, or one of each family: 10.0.0.5 fd00::5");
  }
}

// Values that have a space or the like in them are written as JSON.
void take_labels(Row& row, ImportItem& item) {
  if (row.cell("labels").starts_with('{')) {
    const auto json = ipam_api::parse_json("the cell", row.cell("labels"));
    item.labels = row.take("labels", json ? ipam_api::labels_from(*json) : Result<ipam_api::Labels>(json.error()));
    return;
  }
  for (const std::string& text : words(row.cell("labels"))) {
    const auto equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      row.refuse("labels", fmt::format("'{}' is no label", text), "write KEY=VALUE, several with spaces between");
      return;
    }
    if (!item.labels.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      row.refuse("labels", fmt::format("the label {} comes twice", text.substr(0, equals)));
      return;
    }
  }
  item.labels = row.take("labels", ipam_api::labels_from(ipam_api::Json(item.labels)));
}

std::uint32_t ordinal_in(Row& row) {
  const std::string& text = row.cell("interface_ordinal");
  std::uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() &&
      (failed != std::errc{} || end != text.data() + text.size() || value > ipam_api::max_interface_ordinal)) {
    row.refuse("interface_ordinal", fmt::format("it is no number from 0 to {}", ipam_api::max_interface_ordinal),
               "0 is a pod's first interface");
  }
  return value;
}

void read_row(Row& row, std::string_view address_column, Reading& reading) {
  const Rules& rules = reading.rules();
  const auto or_else = [&](std::string_view column, const std::string& usual) {
    return row.cell(column).empty() ? usual : row.cell(column);
  };
  ImportItem item;
  item.source = row.place().str();
  item.network = row.take("network", ipam_api::parse_name("network", or_else("network", rules.network)));
  const std::string space = or_else("namespace", rules.namespace_);
  if (space.empty()) {
    row.refuse("namespace", "it is missing", "write one, or give -n NAMESPACE for all rows without one");
  } else {
    item.namespace_ = row.take("namespace", ipam_api::parse_name("namespace", space));
  }
  item.hostname = row.take("hostname", ipam_api::parse_hostname("hostname", row.cell("hostname")));
  item.interface_ordinal = ordinal_in(row);
  take_addresses(row, address_column, item);
  if (!row.cell("mac").empty() && rules.keep_macs) {
    item.mac = row.take("mac", parse_any_mac(row.cell("mac")));
  }
  item.kind = row.cell("kind").empty() ? rules.kind : row.take("kind", ipam_api::parse_kind(row.cell("kind")));
  if (item.kind == ipam_api::Kind::stateless) {
    row.refuse("kind", "a binding is not stateless", "write static or stateful");
  }
  item.pool = or_else("pool", rules.pool);
  if (!item.pool.empty()) {
    item.pool = row.take("pool", ipam_api::parse_name("pool", item.pool));
  }
  item.retention = rules.retention;
  if (!row.cell("retention").empty()) {
    item.retention = row.take("retention", ipam_api::parse_retention(row.cell("retention")));
  }
  item.workload = row.cell("workload");
  take_labels(row, item);
  item.note = row.cell("note");
  if (row.good()) {
    reading.add(std::move(item));
  }
}

}  // namespace

std::vector<std::string> binding_columns() {
  return {columns.begin(), columns.end()};
}

std::vector<std::string> binding_cells(const ImportItem& item) {
  std::vector<std::string> addresses;
  for (const net::IpAddress& address : item.addresses.all()) {
    addresses.push_back(address.str());
  }
  std::vector<std::string> labels;
  bool plain = true;
  for (const auto& [key, value] : item.labels) {
    labels.push_back(key + "=" + value);
    plain = plain && value.find_first_of(" ,;") == std::string::npos;
  }
  return {item.network,
          item.namespace_,
          item.hostname,
          std::to_string(item.interface_ordinal),
          joined(addresses),
          item.mac ? item.mac->str() : "",
          to_string(item.kind),
          item.pool,
          item.retention ? item.retention->str() : "",
          item.workload,
          plain ? joined(labels) : ipam_api::Json(item.labels).dump(),
          item.note};
}

void read_bindings_csv(const TextFile& file, Reading& reading) {
  const CsvTable table(file, csv_rows(file), "hostname");
  for (const Fault& fault : table.faults()) {
    reading.fault(fault);
  }
  const std::string known = fmt::format("columns are {}", fmt::join(columns, ", "));
  const std::string_view addresses = table.first_of({"addresses", "address"});
  if (!table.has_header() || addresses.empty()) {
    reading.fault({{file.name, 1, ""},
                   "",
                   "",
                   "no header row with the columns hostname and addresses",
                   known + "; network, namespace and all others may be left out"});
    return;
  }
  for (const std::string& column : table.columns()) {
    if (column != "address" && std::find(columns.begin(), columns.end(), column) == columns.end()) {
      reading.fault({{file.name, 1, ""}, "", "", fmt::format("the column {} is not known", column), known});
    }
  }
  for (const CsvRow& each : table.rows()) {
    Row row(file, table, each, reading);
    read_row(row, addresses, reading);
  }
}

}  // namespace mooring::exchange
