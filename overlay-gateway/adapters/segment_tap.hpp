// Hears who claims addresses on a link: a raw socket that lets through ARP and neighbour advertisements alone (a filter
// in the kernel), not what this machine sends, and only what the link delivers anyway (not promiscuous). The kernel
// takes VLAN tags off the frames and tells them beside. Source: packet(7) PACKET_AUXDATA, socket(7) SO_ATTACH_FILTER.
// Threading: one thread; never blocks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "overlay-gateway/app/ports.hpp"

namespace mooring::gateway {

class SegmentTap final : public Segment {
 public:
  explicit SegmentTap(std::string interface) : interface_(std::move(interface)) {}
  ~SegmentTap() override;
  SegmentTap(const SegmentTap&) = delete;
  SegmentTap& operator=(const SegmentTap&) = delete;

  // What came since the last call, at most `most`; what does not fit waits in the socket, and beyond 200 KiB is lost.
  // Opens the socket where there is none; a link that went is opened anew with the next call. Errors: not_found,
  // permission_denied, io.
  Result<std::vector<SegmentClaim>> hear(std::size_t most) override;
  // Of the link, once it is open.
  const std::optional<net::MacAddress>& own_mac() const override { return own_mac_; }

 private:
  Result<void> open();
  void close();

  std::string interface_;
  std::optional<net::MacAddress> own_mac_;
  int socket_ = -1;
};

}  // namespace mooring::gateway
