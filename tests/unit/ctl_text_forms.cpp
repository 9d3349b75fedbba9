// CSV, YAML and text files as mooringctl reads them.
#include <catch2/catch.hpp>

#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/text_file.hpp"
#include "ipam-controller/exchange/yaml.hpp"
#include "support/catch_result.hpp"

using namespace mooring::exchange;

namespace {

TextFile file(std::string text) {
  return {"f", std::move(text)};
}
using Cells = std::vector<std::string>;
std::vector<Cells> cells_of(const CsvRows& rows) {
  std::vector<Cells> cells;
  for (const CsvRow& row : rows.rows) {
    cells.push_back(row.cells);
  }
  return cells;
}
Json one(const std::string& text) {
  const auto documents = documents_in(file(text));
  REQUIRE(documents);
  REQUIRE(documents->size() == 1);
  return documents->front().value;
}
std::string form_refusal(const std::string& text) {
  const auto documents = documents_in(file(text));
  REQUIRE_FALSE(documents);
  return documents.error().message();
}

}  // namespace

TEST_CASE("csv: quoting by RFC 4180, both line ends, lines are counted inside cells") {
  const auto rows = csv_rows(file("a,b\r\n1,\"x, \"\"y\"\"\nz\"\n\n,\n3,\n4,5"));
  CHECK(rows.faults.empty());
  CHECK(cells_of(rows) == std::vector<Cells>{{"a", "b"}, {"1", "x, \"y\"\nz"}, {"3", ""}, {"4", "5"}});
  CHECK(rows.rows[2].line == 6);
  CHECK(rows.rows[3].line == 7);
  CHECK(csv_rows(file("")).rows.empty());
}

TEST_CASE("csv: a bad line is a fault with its number, and the next one is read") {
  const auto rows = csv_rows(file("a,b\n1,x\"y\n2,\"x\"y\n3,ok\n4,\"open\n"));
  CHECK(cells_of(rows) == std::vector<Cells>{{"a", "b"}, {"3", "ok"}});
  REQUIRE(rows.faults.size() == 3);
  CHECK(rows.faults[0].str() ==
        "f:2: a quotation mark stands inside an unquoted cell (quote the whole cell, and write the mark twice)");
  CHECK(rows.faults[1].place.line == 3);
  CHECK(rows.faults[2].place.line == 5);
  CHECK(cells_of(csv_rows(file("a,\"b\n"), Quoting::none)) == std::vector<Cells>{{"a", "\"b"}});
}

TEST_CASE("csv: the separator is the one that is used most") {
  CHECK(cells_of(csv_rows(file("a;b\n1,5;2\n"))) == std::vector<Cells>{{"a", "b"}, {"1,5", "2"}});
  CHECK(cells_of(csv_rows(file("a\tb\n1\t2\n"))).back() == Cells{"1", "2"});
}

TEST_CASE("csv: columns under a header, in any order and case") {
  const TextFile text = file("My subnet\n\nNAT (Inside),DNS name,IP Address\nx,db-0,10.0.0.5\nshort\n");
  const CsvTable table(text, csv_rows(text), "ip_address");
  REQUIRE(table.has_header());
  CHECK(table.columns() == Cells{"nat_inside", "dns_name", "ip_address"});
  REQUIRE(table.rows().size() == 1);
  CHECK(table.cell(table.rows()[0], "dns_name") == "db-0");
  CHECK(table.cell(table.rows()[0], "other").empty());
  REQUIRE(table.faults().size() == 1);
  CHECK(table.faults()[0].str().starts_with("f:5: it has 1 cells, the header has 3"));
  const TextFile twice = file("a,b,A\n1,2,3\n");
  CHECK(CsvTable(twice, csv_rows(twice), "a").faults().size() == 1);
  CHECK_FALSE(CsvTable(text, csv_rows(text), "nothing").has_header());
}

TEST_CASE("csv: what is written is read back") {
  const Cells cells{"plain", "a,b", "say \"hi\"", "two\nlines", " edge ", "", "a;b", "tab\t"};
  const auto rows = csv_rows(file(csv_line(cells) + csv_line(cells)));
  CHECK(rows.faults.empty());
  CHECK(cells_of(rows) == std::vector<Cells>{cells, cells});
}

TEST_CASE("text files are UTF-8, with or without a mark") {
  CHECK(text_from("f",
                  "\xef\xbb\xbf"
                  "abc")
            ->text == "abc");
  CHECK(text_from("f", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\xa2\n"));
  CHECK(text_from("f",
                  "\xff\xfe"
                  "a")
            .error()
            .message() == "reading f: it is UTF-16");
  for (const char* bad : {"\x80", "\xc0\x80", "\xed\xa0\x80", "\xf8", "\xf4\x90\x80\x80", "\xe2\x82", "\xe0\x80\x80"}) {
    const auto refused = text_from("f", "one\ntwo " + std::string(bad) + "\n");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().starts_with("reading f: line 2 is no UTF-8 text"));
  }
  CHECK_FALSE(text_from("f", std::string("a\0b", 3)));
  CHECK_FALSE(read_text("/nonexistent/file"));
  CHECK_FALSE(read_text("/tmp"));
}

TEST_CASE("yaml: the core schema, and nothing of older ones") {
  CHECK(one("a: 1\nb: '1'\nc: true\nd: yes\ne: ~\nf: null\ng: 0x10\nh: 010\ni: -5\nj: 1.5\nk: 12:30\nl: 0o17\n") ==
        Json{{"a", 1},
             {"b", "1"},
             {"c", true},
             {"d", "yes"},
             {"e", nullptr},
             {"f", nullptr},
             {"g", 16},
             {"h", 10},
             {"i", -5},
             {"j", 1.5},
             {"k", "12:30"},
             {"l", 15}});
  CHECK(one("mac: 02:00:00:00:00:50\nip: 10.0.0.5\nv6: fd00::5\nr: 10.0.0.1-10.0.0.9\ne: 1e3x\n") ==
        Json{{"mac", "02:00:00:00:00:50"},
             {"ip", "10.0.0.5"},
             {"v6", "fd00::5"},
             {"r", "10.0.0.1-10.0.0.9"},
             {"e", "1e3x"}});
  CHECK(one("[1, {a: b}, \"x\\u00e9\"]") == Json::parse("[1, {\"a\": \"b\"}, \"x\u00e9\"]"));
  CHECK(one("{\n  \"kind\": \"List\",\n  \"items\": []\n}\n") == Json{{"kind", "List"}, {"items", Json::array()}});
  CHECK(one("text: |\n  a\n  b\n1: one\n") == Json{{"text", "a\nb\n"}, {"1", "one"}});
}

TEST_CASE("yaml: documents and the lines of their objects") {
  const auto documents = documents_in(file("# nothing\n---\na: {x: 1}\n---\n---\nb:\n  - c: 1\n  - d: 2\n"));
  REQUIRE(documents);
  REQUIRE(documents->size() == 2);
  CHECK(documents->at(0).line_of("/a/x") == 3);
  CHECK(documents->at(1).line_of("/b/1") == 8);
  CHECK(documents->at(1).line_of("/b/1/d") == 8);
  CHECK(documents->at(1).line_of("/z") == 6);
}

TEST_CASE("yaml: what could deceive is refused, with its line") {
  CHECK(form_refusal("a: 1\na: 2\n") == "reading f: line 2: \"a\" comes twice in one object");
  CHECK(form_refusal("a: &x 1\nb: *x\n") == "reading f: line 1: an anchor (&NAME) stands here");
  CHECK(form_refusal("a: 1\nb: !!python/object x\n").starts_with("reading f: line 2: it has the tag"));
  CHECK(form_refusal("? [a, b]\n: c\n") == "reading f: line 1: a name in an object must be a text");
  CHECK(form_refusal("a: [1, 2\n").starts_with("reading f: line "));
  CHECK(form_refusal("a: 1\n}\n").starts_with("reading f: line 2: "));
  CHECK(form_refusal("{\"a\": 1}}\n").starts_with("reading f: line 1: "));
  CHECK(form_refusal(std::string(100'000, '[')).starts_with("reading f: line "));
  CHECK(form_refusal(std::string(100, '[') + std::string(100, ']')) ==
        "reading f: line 1: it is nested deeper than 64");
}
