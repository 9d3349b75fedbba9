// phpIPAM exports spreadsheets, which people save as CSV: the export of a section (titles "IP Address", "Hostname",
// "Tag", …) and that of a subnet (some lines about the subnet, then "ip address", "ip state", "hostname", …).
#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/exchange/address_table.hpp"
#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/formats.hpp"

namespace mooring::exchange {
namespace {

bool same(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

}  // namespace

void read_phpipam(const TextFile& file, Reading& reading) {
  CsvRows rows = csv_rows(file);
  // Lines about a subnet that stand before the table have fewer cells, if the spreadsheet did not pad them.
  const CsvTable table(file, std::move(rows), "ip_address");
  if (!is_address_table(
          file, table,
          "export with at least the columns IP address and Hostname, and save the spreadsheet as CSV UTF-8", reading)) {
    return;
  }
  const std::string tag_column(table.first_of({"tag", "ip_state"}));
  for (const CsvRow& row : table.rows()) {
    const auto cell = [&](std::string_view column) -> const std::string& { return table.cell(row, column); };
    Entry entry;
    entry.place = {file.name, row.line, ""};
    entry.address = without_prefix_length(cell("ip_address"));
    entry.address_field = "IP Address";
    entry.source_network = same(cell("vrf"), "default") ? "" : cell("vrf");
    entry.name = cell("hostname");
    entry.name_field = "Hostname";
    entry.mac = cell("mac");
    entry.mac_field = "MAC";
    entry.note = cell("description").empty() ? cell("note") : cell("description");
    const std::string about = entry.note.empty() ? "" : ", " + entry.note;
    if (same(cell("gateway"), "yes")) {
      reading.leave_out(entry.place, fmt::format("{} is a gateway: that is a field of the subnet", entry.address));
      continue;
    }
    if (same(cell(tag_column), "reserved")) {
      entry.kept_why = fmt::format("phpipam: reserved{}{}", entry.name.empty() ? "" : ", " + entry.name, about);
    }
    entry.nameless = "phpipam: an address without a name" + about;
    reading.add(entry);
  }
}

}  // namespace mooring::exchange
