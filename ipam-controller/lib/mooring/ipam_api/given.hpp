// POST /v1/ports:given: what a node tells when the controller is back of a port that it gave an address by itself, out
// of a block that is leased to it, or to a pod that came again where the controller still had it
// (docs/howto/controller-away.md).
// Threading: values.
#pragma once

#include <optional>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::ipam_api {

struct GivenReport {
  AllocateRequest request;  // as the controller would have been asked
  net::Vni vni;
  net::AddressPair addresses;
  net::MacAddress mac;
  // The attachment that the controller knew under these addresses; none: they are of a block.
  std::optional<Attachment> in_place_of;
  Generation generation = 0;  // of that attachment's port; of a block: its own
};

Json to_json(const GivenReport& value);
// The first field that is wrong is named.
Result<GivenReport> given_report_from(const Json& json);

}  // namespace mooring::ipam_api
