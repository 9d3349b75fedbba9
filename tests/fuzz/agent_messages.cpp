// The agent's socket, both ways: requests that the agent reads, answers that the plugin reads.
#include "fuzz/target.hpp"
#include "mooring/agent_api/delegated.hpp"
#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/agent_api/garbage.hpp"
#include "mooring/agent_api/messages.hpp"
#include "mooring/agent_api/readiness.hpp"

using namespace mooring;

namespace {

template <class T>
void read(Result<T> (*reader)(const ipam_api::Json&), const ipam_api::Json& json) {
  const auto value = reader(json);
  if (value) {
    const auto written = to_json(*value);
    const auto again = reader(written);
    tests::must_hold(again && to_json(*again) == written, "what was understood can be said again");
  }
}

}  // namespace

MOORING_FUZZ_TARGET(agent_messages) {
  const auto json = ipam_api::parse_json("a message", input);
  if (!json) {
    return;
  }
  read(&agent_api::attach_request_from, *json);
  read(&agent_api::attach_answer_from, *json);
  read(&agent_api::confirm_request_from, *json);
  read(&agent_api::detach_request_from, *json);
  read(&agent_api::detach_answer_from, *json);
  read(&agent_api::check_request_from, *json);
  read(&agent_api::check_answer_from, *json);
  read(&agent_api::gc_request_from, *json);
  read(&agent_api::gc_answer_from, *json);
  read(&agent_api::ready_request_from, *json);
  read(&agent_api::ready_answer_from, *json);
}
