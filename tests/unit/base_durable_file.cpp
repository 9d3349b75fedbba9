#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "mooring/base/durable_file.hpp"
#include "support/catch_result.hpp"
#include "support/temporary_folder.hpp"

using namespace mooring;
using Catch::Contains;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a file is replaced whole, for its owner alone") {
  const tests::TemporaryFolder folder;
  const std::string path = folder.path("state");
  REQUIRE(replace_file(path, "one"));
  REQUIRE(replace_file(path, std::string(100'000, 'x')));
  CHECK(content_of(path) == std::string(100'000, 'x'));
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0600U);
  CHECK_FALSE(std::ifstream(path + ".new").is_open());
}

TEST_CASE("a file that cannot be replaced is left as it was, and the error names it") {
  const tests::TemporaryFolder folder;
  const auto nowhere = replace_file(folder.path("no/such"), "x", Errc::storage);
  REQUIRE(nowhere.has_error());
  CHECK(nowhere.error().code() == Errc::storage);
  CHECK_THAT(nowhere.error().message(), Contains("no/such: No such file or directory"));

  const std::string taken = folder.path("folder");
  REQUIRE(::mkdir(taken.c_str(), 0700) == 0);
  const auto refused = replace_file(taken, "x");
  REQUIRE(refused.has_error());
  CHECK_THAT(refused.error().message(), Contains("writing " + taken));
  CHECK_FALSE(std::ifstream(taken + ".new").is_open());
}
