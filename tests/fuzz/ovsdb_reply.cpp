// What ovsdb-server answers to the plugin.
#include "cni-plugin/ovsdb_client.hpp"
#include "fuzz/target.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(ovsdb_reply) {
  while (!input.empty()) {
    const std::size_t end = cni::end_of_json(input);
    if (end == std::string_view::npos) {
      return;
    }
    tests::must_hold(end > 0 && end <= input.size(), "a message ends inside of what was read");
    const auto json = ipam_api::parse_json("a message", input.substr(0, end));
    if (json && json->is_object() && json->contains("result")) {
      static_cast<void>(cni::failure_of((*json)["result"]));
    }
    input.remove_prefix(end);
  }
}
