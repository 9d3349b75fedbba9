// A line of the controller's watch stream, into the directory of an agent.
#include <variant>

#include "fuzz/target.hpp"
#include "mooring/directory/directory.hpp"
#include "mooring/ipam_api/watch.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(watch_frame) {
  const auto frame = ipam_api::parse_frame(input);
  if (!frame) {
    return;
  }
  const std::string written = ipam_api::write_frame(*frame);
  const auto again = ipam_api::parse_frame(written);
  tests::must_hold(again && ipam_api::write_frame(*again) == written, "what was understood can be said again");
  if (const auto* entries = std::get_if<ipam_api::Entries>(&*frame)) {
    directory::Directory directory("h1");
    directory.begin_snapshot("inc", false);
    for (const auto& entry : entries->entries) {
      directory.apply(entry);
    }
  }
}
