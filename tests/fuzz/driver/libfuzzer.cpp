// One program for all targets: MOORING_FUZZ_TARGET in the environment names the one to run (scripts/fuzz).
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "fuzz/target.hpp"

namespace {

mooring::tests::FuzzTarget chosen() {
  const char* name = std::getenv("MOORING_FUZZ_TARGET");
  const auto& all = mooring::tests::fuzz_targets();
  if (const auto found = all.find(name == nullptr ? "" : name); found != all.end()) {
    return found->second;
  }
  std::fputs("MOORING_FUZZ_TARGET must be one of:\n", stderr);
  for (const auto& [known, target] : all) {
    std::fprintf(stderr, "  %s\n", known.c_str());
  }
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mooring::tests::FuzzTarget target = chosen();
  target({reinterpret_cast<const char*>(data), size});
  return 0;
}
