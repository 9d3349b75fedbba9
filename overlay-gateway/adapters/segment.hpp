// The physical segment of bridged mode on this machine: the interface that goes to it, the ports on which keepalived
// speaks, and keepalived itself: its configuration is a file, its process is told by SIGHUP (keepalived(8)). Nothing
// is started here; systemd does that (mooring-vrrp.service). Threading: one thread.
#pragma once

#include <string>

#include "mooring/netlink/socket.hpp"
#include "overlay-gateway/app/ports.hpp"

namespace mooring::gateway {

class KernelSegment final : public SegmentSide {
 public:
  KernelSegment(std::string config_file, std::string pid_file);

  bool carrier(const std::string& interface) override;
  Result<void> ensure_links(const std::string& interface, const std::vector<std::string>& election_ports) override;
  Result<bool> ensure_election(const std::string& config) override;
  bool election_runs() override;

 private:
  Result<void> ensure_up(const std::string& name);
  Result<void> ensure_address(const std::string& name);

  std::string config_file_, pid_file_;
  netlink::NetlinkSocket socket_;
};

}  // namespace mooring::gateway
