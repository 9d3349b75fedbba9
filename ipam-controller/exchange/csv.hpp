// Comma-separated values: a header row, columns in any order, quoting by RFC 4180, lines ended by LF or CRLF.
//
// Source: RFC 4180; Kea's lease files have neither quotes nor quoting. Threading: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/exchange/fault.hpp"
#include "ipam-controller/exchange/text_file.hpp"

namespace mooring::exchange {

struct CsvRow {
  std::size_t line = 0;  // of its first character; counted from 1
  std::vector<std::string> cells;
};

enum class Quoting { rfc4180, none };

struct CsvRows {
  std::vector<CsvRow> rows;  // empty lines are left out
  std::vector<Fault> faults;
};

// `separator` 0: the one of , ; | and TAB that the first lines have most of (spreadsheets write what their country
// uses).
CsvRows csv_rows(const TextFile& file, Quoting quoting = Quoting::rfc4180, char separator = 0);

// Rows under their header.
class CsvTable {
 public:
  // The first of `rows` that has a cell called `key` (as column() compares) is the header; what is before it is
  // dropped, rows of another number of cells are faults.
  CsvTable(const TextFile& file, CsvRows rows, std::string_view key);

  bool has_header() const { return !columns_.empty(); }
  const std::vector<std::string>& columns() const { return columns_; }
  const std::vector<CsvRow>& rows() const { return rows_; }
  const std::vector<Fault>& faults() const { return faults_; }
  bool has(std::string_view column) const;
  // The cell under that column; "" if there is no such column. `row` is one of rows().
  const std::string& cell(const CsvRow& row, std::string_view column) const;
  // The first of those columns that is there, or "".
  std::string_view first_of(std::initializer_list<std::string_view> columns) const;

 private:
  std::vector<std::string> columns_;  // canonical
  std::vector<CsvRow> rows_;
  std::vector<Fault> faults_;
};

// "DNS name" -> "dns_name", "NAT (Inside)" -> "nat_inside": how columns are compared.
std::string canonical_column(std::string_view header);

// One line with its end; cells are quoted where they must be.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace mooring::exchange
