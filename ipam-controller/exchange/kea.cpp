// Kea's memfile: a header, then one line for each change of a lease; the last line of an address (of a prefix) is its
// lease, lifetime 0 says that it was deleted. No quoting: "&#xHH" stands for a byte that would be in the way.
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>

#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/formats.hpp"

namespace mooring::exchange {
namespace {

constexpr std::uint64_t infinite_seconds = 0xffff'ffff;
enum State : std::uint64_t { in_use = 0, declined = 1, reclaimed = 2, released = 3, registered = 4 };
enum LeaseType : std::uint64_t { address_type = 0, temporary_type = 1, prefix_type = 2 };

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    unsigned byte = 0;
    if (text.substr(at).starts_with("&#x") && at + 5 <= text.size() &&
        std::from_chars(text.data() + at + 3, text.data() + at + 5, byte, 16).ptr == text.data() + at + 5) {
      out += static_cast<char>(byte);
      at += 5;
    } else {
      out += text[at++];
    }
  }
  return out;
}

struct Line {
  const TextFile* file;
  const CsvTable* table;
  const CsvRow* row;

  Place place() const { return {file->name, row->line, ""}; }
  const std::string& cell(std::string_view column) const { return table->cell(*row, column); }
};

// A number of a cell that Kea always fills; an absent column has `usual`.
bool number(const Line& line, std::string_view column, std::uint64_t usual, Reading& reading, std::uint64_t& value) {
  value = usual;
  if (!line.table->has(column)) {
    return true;
  }
  const std::string& text = line.cell(column);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc{} && end == text.data() + text.size()) {
    return true;
  }
  reading.fault({line.place(), std::string(column), text, "it is no number", "Kea writes one here"});
  return false;
}

void read_lease(const Line& line, Reading& reading) {
  std::uint64_t lifetime = 0;
  std::uint64_t expires = 0;
  std::uint64_t state = 0;
  std::uint64_t type = 0;
  if (!number(line, "valid_lifetime", 0, reading, lifetime) || !number(line, "expire", 0, reading, expires) ||
      !number(line, "state", in_use, reading, state) || !number(line, "lease_type", address_type, reading, type)) {
    return;
  }
  const std::string& address = line.cell("address");
  if (lifetime == 0) {
    return reading.leave_out(line.place(), fmt::format("the lease of {} was deleted", address));
  }
  if (type == prefix_type) {
    return reading.leave_out(line.place(),
                             fmt::format("{}/{} is a delegated prefix", address, line.cell("prefix_len")));
  }
  if (state == reclaimed || state == released) {
    return reading.leave_out(line.place(), fmt::format("the lease of {} has ended", address));
  }
  if (state > registered) {
    return reading.fault({line.place(), "state", std::to_string(state), "it is not a state of Kea 2 or 3",
                          "0 in use, 1 declined, 2 reclaimed, 3 released, 4 registered"});
  }
  const bool ended = expires <= static_cast<std::uint64_t>(reading.rules().now_seconds);
  if (ended && lifetime != infinite_seconds) {
    return reading.leave_out(line.place(), fmt::format("the lease of {} has ended", address));
  }
  Entry entry;
  entry.place = line.place();
  entry.address = address;
  entry.name = unescaped(line.cell("hostname"));
  entry.mac = line.cell("hwaddr");
  entry.mac_field = "hwaddr";
  const std::string holder = !entry.mac.empty() ? entry.mac : "DUID " + line.cell("duid");
  entry.nameless = fmt::format("kea: leased to {}", holder);
  if (state == declined) {
    entry.kept_why = "kea: declined, somebody else uses it";
  }
  reading.add(entry);
}

}  // namespace

std::vector<std::string> kea_files(const std::string& path, bool (*there)(const std::string&)) {
  std::vector<std::string> files;
  const auto take = [&](const std::string& name) {
    if (there(name)) {
      files.push_back(name);
    }
    return !files.empty();
  };
  if (!take(path + ".completed")) {
    take(path + ".2");
    take(path + ".1");
  }
  files.push_back(path);
  return files;
}

void read_kea(const std::vector<TextFile>& files, Reading& reading) {
  std::vector<CsvTable> tables;
  tables.reserve(files.size());
  std::map<std::string, Line> leases;  // by address, and length of a prefix
  std::vector<std::string> order;      // in which they were first seen
  for (const TextFile& file : files) {
    const CsvTable& table = tables.emplace_back(file, csv_rows(file, Quoting::none, ','), "address");
    for (const Fault& fault : table.faults()) {
      reading.fault(fault);
    }
    for (const std::string_view column : {"address", "valid_lifetime", "expire", "hostname"}) {
      if (!table.has(column)) {
        reading.fault({{file.name, 1, ""},
                       "",
                       "",
                       fmt::format("the header has no column {}", column),
                       "a lease file of Kea begins with address,hwaddr,… or address,duid,…"});
        return;
      }
    }
    for (const CsvRow& row : table.rows()) {
      const Line line{&file, &table, &row};
      const std::string key = line.cell("address") + "/" + line.cell("prefix_len");
      if (leases.insert_or_assign(key, line).second) {
        order.push_back(key);
      }
    }
  }
  for (const std::string& key : order) {
    read_lease(leases.at(key), reading);
  }
}

}  // namespace mooring::exchange
