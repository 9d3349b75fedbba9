// The corpus of every fuzzer, replayed: what was found once stays fixed.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "fuzz/target.hpp"

using namespace mooring::tests;

namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("every input of the fuzzers' corpus is read or refused") {
  const std::filesystem::path corpus = MOORING_SOURCE_DIR "/tests/fuzz/corpus";
  CHECK(fuzz_targets().size() >= 13);
  for (const auto& [name, target] : fuzz_targets()) {
    std::size_t inputs = 0;
    for (const auto& file : std::filesystem::directory_iterator(corpus / name)) {
      INFO(file.path().string());
      CHECK_NOTHROW(target(content_of(file.path())));
      ++inputs;
    }
    INFO(name);
    CHECK(inputs > 0);
    CHECK_NOTHROW(target(""));
  }
}
