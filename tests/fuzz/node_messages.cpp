// What nodes and gateways tell the controller: registrations, ADDs, what they gave by themselves, inventories, answers
// about packets.
#include "fuzz/said_again.hpp"
#include "mooring/ipam_api/given.hpp"
#include "mooring/ipam_api/inventory.hpp"
#include "mooring/ipam_api/trace.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(node_messages) {
  const auto json = ipam_api::parse_json("a message", input);
  if (!json) {
    return;
  }
  tests::read_and_say_again(&ipam_api::given_report_from, *json);
  tests::read_and_say_again(&ipam_api::allocate_request_from, *json);
  tests::read_and_say_again(&ipam_api::allocation_from, *json);
  tests::read_and_say_again(&ipam_api::confirm_request_from, *json);
  tests::read_and_say_again(&ipam_api::release_request_from, *json);
  tests::read_and_say_again(&ipam_api::registration_from, *json);
  tests::read_and_say_again(&ipam_api::inventory_from, *json);
  tests::read_and_say_again(&ipam_api::trace_answer_from, *json);
}
