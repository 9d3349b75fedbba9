#include "overlay-gateway/domain/bridge_words.hpp"

#include <fmt/format.h>

namespace mooring::gateway::bridging {
namespace {

constexpr std::uint32_t vlan_present = 0x1000;  // OpenFlow 1.5.1, 7.2.3.8

std::string userdata(std::uint8_t kind, const BridgedSubnet& subnet) {
  const std::uint32_t vni = subnet.vni.value();
  return fmt::format("{:02x}.{:02x}.{:02x}.{:02x}", kind, vni >> 16 & 0xffU, vni >> 8 & 0xffU, vni & 0xffU);
}

}  // namespace

std::string line(int in_table, int priority, std::uint64_t cookie, const std::string& match,
                 const std::string& actions) {
  return fmt::format("table={},priority={},cookie=0x{:x},{}{}actions={}", in_table, priority, cookie, match,
                     match.empty() ? "" : ",", actions);
}
std::string same_everywhere(int in_table, int priority, const std::string& match, const std::string& actions) {
  return line(in_table, priority, cookie_of(FlowOwner::fixed), match, actions);
}
std::string of_layout(int in_table, int priority, const std::string& match, const std::string& actions) {
  return line(in_table, priority, cookie_of(FlowOwner::layout), match, actions);
}

std::string protocol(net::Family family) {
  return family == net::Family::v4 ? "ip" : "ipv6";
}
std::string to_block(const net::IpCidr& block) {
  return (block.family() == net::Family::v4 ? "ip,nw_dst=" : "ipv6,ipv6_dst=") + block.str();
}
std::string from_block(const net::IpCidr& block) {
  return (block.family() == net::Family::v4 ? "ip,nw_src=" : "ipv6,ipv6_src=") + block.str();
}
net::IpCidr alone(net::IpAddress address) {
  return {address, address.is_v4() ? 32 : 128};
}

std::string on_segment(const BridgedSubnet& subnet) {
  return subnet.vlan == 0 ? "vlan_tci=0x0000" : fmt::format("dl_vlan={}", subnet.vlan);
}
std::string untag(const BridgedSubnet& subnet) {
  return subnet.vlan == 0 ? "" : "pop_vlan,";
}
std::string tag(const BridgedSubnet& subnet) {
  return subnet.vlan == 0 ? "" : fmt::format("push_vlan:0x8100,set_field:{}->vlan_vid,", vlan_present | subnet.vlan);
}
std::string of_vni(const BridgedSubnet& subnet) {
  return fmt::format("reg8={}", subnet.vni.value());
}
std::string look_up(const BridgedSubnet& subnet) {
  return fmt::format("set_field:{}->reg8,resubmit(,{})", subnet.vni.value(), table::elected);
}
std::string tell(std::uint8_t kind, const BridgedSubnet& subnet) {
  return fmt::format("controller(userdata={},meter_id={})", userdata(kind, subnet), asked_meters + subnet.vlan);
}

}  // namespace mooring::gateway::bridging
