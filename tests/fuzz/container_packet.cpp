// A packet that a container sent to nobody: it may have any bytes.
#include <algorithm>

#include "fuzz/target.hpp"
#include "ovs-agent/domain/packet_head.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(container_packet) {
  const std::vector<std::uint8_t> frame(input.begin(), input.end());
  const auto head = agent::read_head(frame);
  for (const char* router : {"10.0.0.1", "fd00::1"}) {
    const auto answer = agent::host_unreachable(frame, net::IpAddress::parse(router).value());
    tests::must_hold(answer.empty() || (head && head->may_be_answered), "only what may be answered is answered");
    tests::must_hold(answer.empty() || agent::read_head(answer), "the answer can be read");
  }
}
