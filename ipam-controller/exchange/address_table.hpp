// What exports of address tables have in common (NetBox, phpIPAM).
// Threading: pure function.
#pragma once

#include <string>

#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/reading.hpp"
#include "ipam-controller/exchange/text_file.hpp"

namespace mooring::exchange {

// Hands the table's faults on. False: it has no header, which is a fault too; `way_out` says how to export it.
inline bool is_address_table(const TextFile& file, const CsvTable& table, const std::string& way_out,
                             Reading& reading) {
  for (const Fault& fault : table.faults()) {
    reading.fault(fault);
  }
  if (!table.has_header()) {
    reading.fault({{file.name, 1, ""}, "", "", "no header row with a column \"IP Address\"", way_out});
  }
  return table.has_header();
}

}  // namespace mooring::exchange
