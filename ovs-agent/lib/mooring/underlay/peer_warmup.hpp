// The userspace datapath has its own ARP cache for tunnel peers: the first packet to a peer that is not in it waits
// about a second, and entries age after 900 s. The datapath learns from ARP *answers* that pass br-phy, so each peer is
// asked by an ARP request of our own: the kernel alone would not ask for a peer whose address it saw in that peer's
// question. A datagram besides makes the kernel ask for the router where a peer is not on the underlay's own segment.
//
// Contract: one ARP request and one UDP datagram (port 9, discard) to each address; never blocks; what cannot be sent
// is left out.
// Threading: any. WarmupSchedule says when.
#pragma once

#include <chrono>
#include <vector>

#include "mooring/net/address.hpp"

namespace mooring::underlay {

inline constexpr std::chrono::seconds warmup_interval{180};

// How many datagrams were sent. `source`: the own VTEP.
std::size_t warm_up_peers(net::Ipv4Address source, const std::vector<net::Ipv4Address>& peers);

// When to warm up: at once after a change, again 1, 2 and 4 s later (a peer or our own br-phy may not have been ready),
// then every `warmup_interval`. Ask due() about once a second. Threading: one thread.
class WarmupSchedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void begin_anew() { gap_ = std::chrono::seconds(0); }
  // The quick repetitions are over.
  bool settled() const { return gap_ == warmup_interval; }
  // True: warm up now.
  bool due(Time now) {
    if (gap_ != std::chrono::seconds(0) && now < last_ + gap_) {
      return false;
    }
    last_ = now;
    gap_ = gap_ == std::chrono::seconds(0)  ? std::chrono::seconds(1)
           : gap_ < std::chrono::seconds(4) ? gap_ * 2
                                            : warmup_interval;
    return true;
  }

 private:
  Time last_{};
  std::chrono::seconds gap_{0};  // 0: at once
};

}  // namespace mooring::underlay
