// NetBox: the table of IP addresses, exported as CSV ("Export", "Current view" or "All data"). Its headers are the
// table's titles ("IP Address", "DNS name"); older versions wrote field names ("address", "dns_name"). Both are taken.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ipam-controller/exchange/address_table.hpp"
#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/formats.hpp"

namespace mooring::exchange {
namespace {

// Addresses of these roles are shared or move between machines: nobody's binding.
constexpr std::array shared_roles{"anycast", "vip", "vrrp", "hsrp", "glbp", "carp", "varp"};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return text;
}

// Why the address is kept out of use instead of being bound; "" = it is an ordinary one. Sets `known` to false for a
// status that NetBox does not have.
std::string why_kept(const std::string& status, const std::string& role, bool& known) {
  constexpr std::array ordinary{"", "active", "dhcp", "slaac"};
  known = true;
  if (std::find(shared_roles.begin(), shared_roles.end(), role) != shared_roles.end()) {
    return "role " + role;
  }
  if (role == "secondary") {
    return "a secondary address";
  }
  if (status == "reserved" || status == "deprecated") {
    return status;
  }
  known = std::find(ordinary.begin(), ordinary.end(), status) != ordinary.end();
  return "";
}

std::string described(const std::string& what, const std::string& name, const std::string& description) {
  std::string text = "netbox: " + what;
  for (const std::string& part : {name, description}) {
    text += part.empty() ? "" : ", " + part;
  }
  return text;
}

}  // namespace

void read_netbox(const TextFile& file, Reading& reading) {
  CsvRows rows = csv_rows(file);
  const bool titles = CsvTable(file, rows, "ip_address").has_header();
  const CsvTable table(file, std::move(rows), titles ? "ip_address" : "address");
  if (!is_address_table(file, table,
                        "export the table of IP addresses as CSV; at least IP Address and DNS Name or Parent",
                        reading)) {
    return;
  }
  const std::string address_column = titles ? "ip_address" : "address";
  const std::string parent_column(
      table.first_of({"parent", "device_vm", "assigned_object_parent", "device", "virtual_machine"}));
  for (const CsvRow& row : table.rows()) {
    const auto cell = [&](std::string_view column) -> const std::string& { return table.cell(row, column); };
    Entry entry;
    entry.place = {file.name, row.line, ""};
    entry.address = without_prefix_length(cell(address_column));
    entry.address_field = "IP Address";
    const std::string& vrf = cell("vrf");
    // "blue (65000:1)": NetBox shows a VRF with its route distinguisher.
    entry.source_network = lower(vrf) == "global" ? "" : vrf.substr(0, vrf.find(" ("));
    entry.name = cell("dns_name");
    entry.name_field = "DNS Name";
    if (entry.name.empty()) {
      entry.name = cell(parent_column);
      entry.name_field = "Parent";
    }
    entry.note = cell("description");
    bool known = true;
    const std::string kept = why_kept(lower(cell("status")), lower(cell("role")), known);
    if (!known) {
      reading.fault({entry.place, "Status", cell("status"), "it is not a status of NetBox",
                     "Active, Reserved, Deprecated, DHCP or SLAAC"});
      continue;
    }
    if (!kept.empty()) {
      entry.kept_why = described(kept, entry.name, entry.note);
    }
    entry.nameless = described("an address without a name", "", entry.note);
    reading.add(entry);
  }
}

}  // namespace mooring::exchange
