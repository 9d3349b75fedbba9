// What a machine of a bridged VLAN answers to the gateway: it may have any bytes.
#include "fuzz/target.hpp"
#include "overlay-gateway/domain/neighbour_frames.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(neighbour) {
  const gateway::Frame frame(input.begin(), input.end());
  if (const auto found = gateway::neighbour_in(frame)) {
    tests::must_hold(net::MacAddress::parse(found->mac.str()).has_value(), "who answers has a MAC that can be told");
    const gateway::Frame told = gateway::neighbour_announcement({found->mac}, found->address, false);
    tests::must_hold(told.size() == (found->address.is_v4() ? 42U : 86U), "it can be announced");
  }
}
