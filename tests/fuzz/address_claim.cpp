// A frame of somebody on the physical network: it may have any bytes.
#include "mooring/underlay/address_claim.hpp"

#include "fuzz/target.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(address_claim) {
  const auto claim = underlay::address_claim_in(input);
  if (claim) {
    tests::must_hold(net::MacAddress::parse(claim->mac.str()).has_value(), "who claims has a MAC that can be told");
    tests::must_hold(net::IpAddress::parse(claim->address.str()).value() == claim->address, "and an address");
    tests::must_hold(underlay::address_claim_in(input.substr(0, 80)) == claim, "80 bytes are enough");
  }
}
