// The agent's socket, both ways: requests that the agent reads, answers that the plugin reads.
#include "fuzz/said_again.hpp"
#include "mooring/agent_api/delegated.hpp"
#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/agent_api/garbage.hpp"
#include "mooring/agent_api/messages.hpp"
#include "mooring/agent_api/readiness.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(agent_messages) {
  const auto json = ipam_api::parse_json("a message", input);
  if (!json) {
    return;
  }
  tests::read_and_say_again(&agent_api::attach_request_from, *json);
  tests::read_and_say_again(&agent_api::attach_answer_from, *json);
  tests::read_and_say_again(&agent_api::confirm_request_from, *json);
  tests::read_and_say_again(&agent_api::detach_request_from, *json);
  tests::read_and_say_again(&agent_api::detach_answer_from, *json);
  tests::read_and_say_again(&agent_api::check_request_from, *json);
  tests::read_and_say_again(&agent_api::check_answer_from, *json);
  tests::read_and_say_again(&agent_api::gc_request_from, *json);
  tests::read_and_say_again(&agent_api::gc_answer_from, *json);
  tests::read_and_say_again(&agent_api::ready_request_from, *json);
  tests::read_and_say_again(&agent_api::ready_answer_from, *json);
}
