// Parsers of bytes from outside, each as one function of any bytes (scripts/fuzz runs them under libFuzzer, and
// tests/unit/fuzz_corpus.cpp runs each over its corpus in every build).
//
//   MOORING_FUZZ_TARGET(net_conf) { … reads `input`; anything but a value or an Error is a bug … }
//
// Its corpus: tests/fuzz/corpus/NAME/*. What was found once is kept there under a name that says what it is.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mooring::tests {

using FuzzTarget = void (*)(std::string_view input);

inline std::map<std::string, FuzzTarget, std::less<>>& fuzz_targets() {
  static std::map<std::string, FuzzTarget, std::less<>> all;
  return all;
}

struct FuzzRegistration {
  FuzzRegistration(const char* name, FuzzTarget target) { fuzz_targets().emplace(name, target); }
};

// What must hold whatever the input is.
inline void must_hold(bool condition, const char* what) {
  if (!condition) {
    throw std::logic_error(what);
  }
}

}  // namespace mooring::tests

#define MOORING_FUZZ_TARGET(name)                                                       \
  static void fuzz_##name(std::string_view input);                                      \
  static const mooring::tests::FuzzRegistration registered_##name(#name, &fuzz_##name); \
  static void fuzz_##name(std::string_view input)
