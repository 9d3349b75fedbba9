// The agent's journal on disk. The checksum of each line is right here: it is what is behind it that is looked at.
#include <algorithm>

#include <fmt/format.h>

#include "fuzz/target.hpp"
#include "ovs-agent/domain/journal_text.hpp"

using namespace mooring;

namespace {

std::uint32_t crc32(std::string_view text) {  // IEEE 802.3
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
  }
  return ~crc;
}

}  // namespace

MOORING_FUZZ_TARGET(journal) {
  std::string text;
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    text += fmt::format("{:08x} {}\n", crc32(line), line);
    input.remove_prefix(std::min(line.size() + 1, input.size()));
  }
  agent::JournalState state = agent::read_journal(text);
  agent::JournalState again = agent::read_journal(state.text());
  tests::must_hold(again.bad_lines == 0, "what was written can be read");
  state.bad_lines = 0;
  state.last_id = again.last_id;  // the last one that is still owed
  tests::must_hold(again == state, "what was understood can be written again");
}
