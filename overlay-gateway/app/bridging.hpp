// Bridged mode at work (docs/gateway.md): the interface of the segment and keepalived's ports in br-tun, keepalived's
// configuration, questions for machines whose MAC nobody knows, announcements of addresses that have become
// containers', and what the switch has learned, for the status. Who forwards is not decided here
// (domain/bridge_plan.hpp). Threading: one thread, that of `post`.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/metrics/exposition.hpp"
#include "mooring/ovs/flow_sync.hpp"
#include "mooring/ovs/ovsdb.hpp"
#include "mooring/ovs/packet_channel.hpp"
#include "overlay-gateway/app/ports.hpp"
#include "overlay-gateway/domain/bridge_plan.hpp"

namespace mooring::gateway {

class Bridging {
 public:
  struct Settings {
    std::string gateway;  // its name
    std::string interface;
    std::string switch_socket;  // "unix:/run/openvswitch/br-tun.mgmt"
    net::Ipv4Address vtep;
    std::uint8_t virtual_router = 77;
  };
  // `segment` must outlive this.
  Bridging(Settings settings, SegmentSide& segment, const ovs::Post& post);

  // What the plan bridges now, and whose advertisements count. Its meters and groups are given to `flows`: before the
  // flows that name them.
  void plan(std::vector<BridgedSubnet> bridged, std::vector<net::Ipv4Address> gateways, ovs::FlowSync& flows);
  // Once a second, and after changes: makes what is missing. `complete`: the directory is whole, what is not bridged
  // any more may go. What is wrong, or nothing.
  Result<void> ensure(ovs::Ovsdb& ovsdb, bool complete);
  // The segment can be reached: ports and carrier are there.
  bool may_stand(const ovs::OvsdbState& state) const;
  // The address is a container's now, perhaps for the first time, and was a machine's before: if this gateway forwards,
  // the segment is told, three times within two seconds.
  void announce(net::Vni vni, net::IpAddress address);

  ipam_api::Json status() const;
  void collect(metrics::Exposition& out) const;

 private:
  using Clock = std::chrono::steady_clock;
  using Machine = std::pair<std::uint32_t, net::IpAddress>;  // VNI, address
  struct Question {
    Clock::time_point asked;
    std::vector<ovs::Bytes> packets;  // wait for the answer
  };
  struct Announcement {
    std::uint32_t vni = 0;
    net::IpAddress address;
    int times = 0;  // that it is still to be told
  };
  struct Seen {
    std::optional<net::Ipv4Address> forwarder;  // its VTEP
    Clock::time_point last_elected;
    std::vector<std::string> machines;
  };

  void ensure_ports(ovs::Ovsdb& ovsdb, bool complete);
  Result<void> ensure_election();
  Result<void> check_elections() const;
  void look_at_switch();
  void heard_of_elections(net::Ipv4Address forwarder, const std::vector<ovs::FlowUse>& flows);
  void heard_of_machines(const std::vector<ovs::FlowUse>& flows);
  void received(const ovs::PacketIn& packet);
  void ask(const BridgedSubnet& subnet, const ovs::Bytes& packet);
  void answered(const BridgedSubnet& subnet, const ovs::Bytes& packet);
  const BridgedSubnet* subnet_of(std::uint32_t vni) const;
  bool forwards(std::uint32_t vni) const;
  void announce_gateways(std::uint32_t vni);
  void tell_segment();
  void send_to_segment(ovs::Bytes frame);

  Settings settings_;
  SegmentSide& segment_;
  std::vector<BridgedSubnet> bridged_;
  std::vector<net::Ipv4Address> gateways_;  // others of the network
  std::map<Machine, Question> questions_;
  std::map<std::uint32_t, Seen> seen_;  // by VNI
  Clock::time_point began_ = Clock::now();
  std::uint64_t asked_ = 0, answered_ = 0, not_asked_ = 0;
  std::multimap<Clock::time_point, Announcement> announcements_;  // by when they are due
  Clock::time_point next_budget_{};
  std::size_t budget_ = 0;  // announcements of this second that are left
  std::uint64_t announced_ = 0, not_announced_ = 0;
  bool committing_ = false;
  Result<void> ports_made_ = ok();
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // answers may come when this is gone
  std::unique_ptr<ovs::OpenFlowPackets> packets_;
};

}  // namespace mooring::gateway
