// What nodes and gateways tell the controller: registrations, ADDs, what they gave by themselves, inventories, answers
// about packets.
#include "fuzz/target.hpp"
#include "mooring/ipam_api/given.hpp"
#include "mooring/ipam_api/inventory.hpp"
#include "mooring/ipam_api/trace.hpp"

using namespace mooring;

namespace {

template <class T>
void read_from_node(Result<T> (*reader)(const ipam_api::Json&), const ipam_api::Json& json) {
  const auto value = reader(json);
  if (value) {
    const auto written = to_json(*value);
    const auto again = reader(written);
    tests::must_hold(again && to_json(*again) == written, "what was understood can be said again");
  }
}

}  // namespace

MOORING_FUZZ_TARGET(node_messages) {
  const auto json = ipam_api::parse_json("a message", input);
  if (!json) {
    return;
  }
  read_from_node(&ipam_api::given_report_from, *json);
  read_from_node(&ipam_api::allocate_request_from, *json);
  read_from_node(&ipam_api::allocation_from, *json);
  read_from_node(&ipam_api::confirm_request_from, *json);
  read_from_node(&ipam_api::release_request_from, *json);
  read_from_node(&ipam_api::registration_from, *json);
  read_from_node(&ipam_api::inventory_from, *json);
  read_from_node(&ipam_api::trace_answer_from, *json);
}
