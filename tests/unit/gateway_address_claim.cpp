// Who claims an address, read from frames.
#include <catch2/catch.hpp>

#include "mooring/underlay/address_claim.hpp"

using namespace mooring;
using underlay::address_claim_in;

namespace {

std::string bytes(const std::string& hexadecimal) {
  std::string text;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2) {
    text += static_cast<char>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16));
  }
  return text;
}

const std::string ethernet =
    "ffffffffffff"
    "020000000009";
const std::string announcement = ethernet +
                                 "0806"
                                 "0001080006040001"
                                 "020000000009"
                                 "0a000005"
                                 "000000000000"
                                 "0a000005";

}  // namespace

TEST_CASE("address claims: ARP senders, but not probes, and nothing that is cut") {
  const std::string frame = bytes(announcement);
  const auto claim = address_claim_in(frame);
  REQUIRE(claim);
  CHECK(claim->address.str() == "10.0.0.5");
  CHECK(claim->mac.str() == "02:00:00:00:00:09");
  for (std::size_t size = 0; size < frame.size(); ++size) {
    CHECK_FALSE(address_claim_in(frame.substr(0, size)));
  }
  std::string probe = frame;
  probe.replace(28, 4, 4, '\0');
  CHECK_FALSE(address_claim_in(probe));
  std::string from_a_group = frame;
  from_a_group[6] = '\x01';
  CHECK_FALSE(address_claim_in(from_a_group));
}

TEST_CASE("address claims: neighbour advertisements name their target") {
  const std::string head = ethernet +
                           "86dd"
                           "60000000"
                           "0020"
                           "3a"
                           "ff";
  const std::string addresses =
      "fe800000000000000000000000000009"
      "ff020000000000000000000000000001";
  const std::string message =
      "88000000"
      "20000000"
      "fd000000000000000000000000000005"
      "0201020000000009";
  const auto claim = address_claim_in(bytes(head + addresses + message));
  REQUIRE(claim);
  CHECK(claim->address.str() == "fd00::5");
  const std::string solicitation = "87" + message.substr(2);
  CHECK_FALSE(address_claim_in(bytes(head + addresses + solicitation)));
}
