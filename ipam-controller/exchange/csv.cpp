#include "ipam-controller/exchange/csv.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace mooring::exchange {
namespace {

char separator_of(std::string_view text) {
  // Reports may begin with a few lines of title.
  std::size_t end = 0;
  for (int lines = 0; lines < 8 && end != text.npos; ++lines) {
    end = text.find('\n', end == 0 ? 0 : end + 1);
  }
  const std::string_view first = text.substr(0, end);
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char candidate : {',', ';', '\t', '|'}) {
    const auto count = std::count(first.begin(), first.end(), candidate);
    if (count > most) {
      most = count;
      best = candidate;
    }
  }
  return best;
}

// Reads one row after the other; `at_` is always at the beginning of a line.
class Reader {
 public:
  Reader(const TextFile& file, Quoting quoting, char separator)
      : file_(file), text_(file.text), quoting_(quoting), separator_(separator) {}

  CsvRows rows() {
    CsvRows all;
    while (at_ < text_.size()) {
      CsvRow row;
      row.line = line_;
      fault_.clear();
      read_row(row);
      const bool blank = std::all_of(row.cells.begin(), row.cells.end(), [](const auto& c) { return c.empty(); });
      if (!fault_.empty()) {
        all.faults.push_back({{file_.name, row.line, ""}, "", "", fault_, hint_});
      } else if (!blank) {
        all.rows.push_back(std::move(row));
      }
    }
    return all;
  }

 private:
  bool more() const { return at_ < text_.size(); }
  bool at_line_end() const {
    return text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }
  void skip_line_end() {
    if (more() && text_[at_] == '\r') {
      ++at_;
    }
    if (more() && text_[at_] == '\n') {
      ++at_;
    }
    ++line_;
  }
  void skip_rest_of_line() {
    while (more() && !at_line_end()) {
      ++at_;
    }
  }
  void fail(std::string what, std::string hint) {
    if (fault_.empty()) {
      fault_ = std::move(what);
      hint_ = std::move(hint);
    }
  }

  void read_row(CsvRow& row) {
    while (true) {
      const bool quoted = quoting_ == Quoting::rfc4180 && more() && text_[at_] == '"';
      row.cells.push_back(quoted ? quoted_cell() : plain_cell());
      if (!fault_.empty()) {
        skip_rest_of_line();
      }
      if (!more() || at_line_end()) {
        skip_line_end();
        return;
      }
      ++at_;  // the separator
    }
  }

  std::string plain_cell() {
    const std::size_t begin = at_;
    while (more() && text_[at_] != separator_ && !at_line_end()) {
      if (text_[at_] == '"' && quoting_ == Quoting::rfc4180) {
        fail("a quotation mark stands inside an unquoted cell", "quote the whole cell, and write the mark twice");
        return {};
      }
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted_cell() {
    std::string cell;
    ++at_;
    while (more()) {
      if (text_[at_] != '"') {
        line_ += text_[at_] == '\n' ? 1U : 0U;
        cell += text_[at_++];
        continue;
      }
      ++at_;
      if (more() && text_[at_] == '"') {
        cell += '"';
        ++at_;
        continue;
      }
      if (more() && text_[at_] != separator_ && !at_line_end()) {
        fail("something stands behind the closing quotation mark of a cell", "a mark inside a cell is written twice");
      }
      return cell;
    }
    fail("a quoted cell begins here and never ends", "close it with a quotation mark");
    return {};
  }

  const TextFile& file_;
  std::string_view text_;
  Quoting quoting_;
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::string fault_;
  std::string hint_;
};

const std::string& nothing() {
  static const std::string empty;
  return empty;
}

}  // namespace

CsvRows csv_rows(const TextFile& file, Quoting quoting, char separator) {
  return Reader(file, quoting, separator == 0 ? separator_of(file.text) : separator).rows();
}

std::string canonical_column(std::string_view header) {
  std::string name;
  for (const char c : header) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || byte >= 0x80) {
      name += static_cast<char>(std::tolower(byte));
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') {
    name.pop_back();
  }
  return name;
}

CsvTable::CsvTable(const TextFile& file, CsvRows rows, std::string_view key) : faults_(std::move(rows.faults)) {
  for (CsvRow& row : rows.rows) {
    if (columns_.empty()) {
      std::vector<std::string> columns;
      for (const std::string& cell : row.cells) {
        columns.push_back(canonical_column(cell));
      }
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) {
        continue;
      }
      for (auto it = columns.begin(); it != columns.end(); ++it) {
        if (!it->empty() && std::find(columns.begin(), it, *it) != it) {
          faults_.push_back(
              {{file.name, row.line, ""}, "", "", "two columns are called " + *it, "take one of them away"});
        }
      }
      columns_ = std::move(columns);
    } else if (row.cells.size() != columns_.size()) {
      faults_.push_back({{file.name, row.line, ""},
                         "",
                         "",
                         fmt::format("it has {} cells, the header has {}", row.cells.size(), columns_.size()),
                         "a separator inside a cell needs quotation marks around the cell"});
    } else {
      rows_.push_back(std::move(row));
    }
  }
}

bool CsvTable::has(std::string_view column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

const std::string& CsvTable::cell(const CsvRow& row, std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  return found == columns_.end() ? nothing() : row.cells[static_cast<std::size_t>(found - columns_.begin())];
}

std::string_view CsvTable::first_of(std::initializer_list<std::string_view> columns) const {
  for (const std::string_view column : columns) {
    if (has(column)) {
      return column;
    }
  }
  return "";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) {
      line += ',';
    }
    const bool bare =
        cell.find_first_of(",;|\t\"\r\n") == std::string::npos && !cell.starts_with(' ') && !cell.ends_with(' ');
    if (bare) {
      line += cell;
      continue;
    }
    line += '"';
    for (const char c : cell) {
      line += c == '"' ? "\"\"" : std::string(1, c);
    }
    line += '"';
  }
  return line + "\n";
}

}  // namespace mooring::exchange
