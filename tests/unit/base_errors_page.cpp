// docs/reference/errors.md says what the table in the code says: no row more, none less, the same numbers.
#include <fstream>
#include <set>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "mooring/base/error.hpp"

TEST_CASE("the page of errors is the table of the code") {
  std::ifstream page(MOORING_SOURCE_DIR "/docs/reference/errors.md");
  REQUIRE(page);
  std::set<std::string> on_page;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) {
      std::size_t end = 0;
      for (int column = 0; column < 5; ++column) {
        end = line.find('|', end + 1);
        REQUIRE(end != std::string::npos);
      }
      REQUIRE(line.size() > end + 10);  // what it means, what to do
      on_page.insert(line.substr(0, end));
    }
  }
  std::set<std::string> in_code;
  for (const auto& row : mooring::all_errors()) {
    in_code.insert(fmt::format("| `{}` | {} | {} | {} | {} ", row.id, row.http_status, row.cni_code, row.exit_code,
                               row.retryable ? "yes" : "no"));
  }
  CHECK(on_page == in_code);
}
