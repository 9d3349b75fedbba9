// Messages of the switch as libopenvswitch and the shim take them apart. Version and length of the header are right
// here, as the connection sees to.
#include "fuzz/target.hpp"
#include "mooring/ovs/flow.hpp"
#include "mooring/ovs/shim/openflow.h"

using namespace mooring;

MOORING_FUZZ_TARGET(openflow_reply) {
  constexpr std::size_t header_size = 8, most = 65'535;
  if (input.size() < header_size || input.size() > most) {
    return;
  }
  std::string bytes(input);
  bytes[0] = 6;  // OpenFlow 1.5
  bytes[2] = static_cast<char>(bytes.size() >> 8);
  bytes[3] = static_cast<char>(bytes.size() & 0xff);
  mo_message message{};
  mo_of_decode(bytes.data(), bytes.size(), &message);
  const bool whole = message.error == nullptr;
  tests::must_hold(message.kind != MO_ERROR || !whole, "an error has a text");
  tests::must_hold((message.kind == MO_PACKET_IN) == (message.packet != nullptr), "a packet is told as one");
  mo_message_clear(&message);
}
