// The agent's files as a disk may hand them back: journal, checkpoint, destinations, notes of DELs; checksums are not
// put right here.
#include "fuzz/target.hpp"
#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/directory/checkpoint.hpp"
#include "ovs-agent/domain/destinations_text.hpp"
#include "ovs-agent/domain/given.hpp"
#include "ovs-agent/domain/journal_text.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(node_disk) {
  const agent::JournalState journal = agent::read_journal(input);
  tests::must_hold(agent::read_journal(journal.text()).bad_lines == 0, "what was understood can be written again");
  for (const auto& [attachment, given] : journal.given) {
    static_cast<void>(agent::passed_on_from(journal, attachment));
    if (const auto report = agent::report_in(given)) {
      static_cast<void>(agent::former_port(*report, directory::Directory("h1")));
    }
  }
  for (const auto& [id, release] : journal.owed) {
    static_cast<void>(agent::record_from({release.record.begin(), release.record.end()}));
  }
  if (const auto image = directory::read_image(input)) {
    directory::Directory directory("h1");
    static_cast<void>(directory.restore(*image));
  }
  constexpr std::size_t most = 64;
  const auto destinations = agent::read_destinations(input, most);
  tests::must_hold(destinations.size() <= most, "no more destinations than wanted");
  tests::must_hold(agent::read_destinations(agent::write_destinations(destinations), most) == destinations,
                   "destinations can be written again");
  static_cast<void>(agent_api::read_note(input));
}
