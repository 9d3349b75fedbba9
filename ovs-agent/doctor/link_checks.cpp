// The node's own links: the VTEP's address, MTU, offloads, receive buffers.
#include <fstream>

#include <fmt/format.h>

#include "mooring/netlink/interface_settings.hpp"
#include "mooring/netlink/socket.hpp"
#include "ovs-agent/app/underlay_mtu.hpp"
#include "ovs-agent/doctor/examination.hpp"
#include "ovs-agent/domain/local_port.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent::doctor {
namespace {

constexpr std::uint64_t least_receive_buffer_bytes = std::uint64_t{1} << 20;

struct VtepLink {
  std::string name;
  std::uint32_t mtu_bytes = 0;
};

std::optional<VtepLink> vtep_link(const Examination& node) {
  auto socket = netlink::NetlinkSocket::open();
  if (!socket) {
    return std::nullopt;
  }
  const auto addresses = socket->list_addresses();
  if (!addresses) {
    return std::nullopt;
  }
  for (const auto& address : *addresses) {
    if (address.address.address == net::IpAddress(node.config.vtep)) {
      const auto link = socket->find_link(address.link_index);
      return link ? std::optional(VtepLink{link->name, link->mtu_bytes}) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

void check_vtep(Examination& node) {
  const std::string vtep = node.config.vtep.str();
  const auto link = vtep_link(node);
  if (!link) {
    node.findings.fail("vtep", fmt::format("no link of this node has the address {}", vtep),
                       fmt::format("ip address add {}/LENGTH dev INTERFACE, or correct --vtep; with the userspace "
                                   "datapath mooring-agent keeps it on br-phy",
                                   vtep));
    return;
  }
  node.vtep_mtu_bytes = link->mtu_bytes;
  if (node.userspace && !node.config.underlay_interface.empty() && link->name == node.config.underlay_interface) {
    node.findings.fail("vtep", fmt::format("{} is on {}; the userspace datapath needs it on br-phy", vtep, link->name),
                       "mooring-agent moves it there: is it running?");
    return;
  }
  node.findings.ok("vtep", fmt::format("{} is on {}", vtep, link->name));
}

void check_mtu(Examination& node) {
  const std::uint32_t subnet = node.largest_mtu_bytes();
  const auto link = vtep_link(node);
  if (subnet == 0 || !link) {
    return;  // nothing is known to compare, or said already
  }
  const std::uint32_t needed = subnet + vxlan_overhead_bytes;
  std::uint32_t least = link->mtu_bytes;
  std::string name = link->name;
  if (auto socket = netlink::NetlinkSocket::open(); socket && !node.config.underlay_interface.empty()) {
    const auto nic = socket->find_link(node.config.underlay_interface);
    if (nic && nic->mtu_bytes < least) {
      least = nic->mtu_bytes;
      name = nic->name;
    }
  }
  if (least < needed) {
    node.findings.fail(
        "mtu",
        fmt::format("{} has MTU {}; a subnet's {} and VXLAN's {} need {}", name, least, subnet, vxlan_overhead_bytes,
                    needed),
        fmt::format("ip link set {} mtu {}, on every node and switch; or lower the subnet's MTU", name, needed));
    return;
  }
  node.findings.ok("mtu", fmt::format("{} has {}, subnets need {}", name, least, needed));
}

void check_offload(Examination& node) {
  const auto* bridge = node.ovsdb ? node.ovsdb->bridge(integration_bridge) : nullptr;
  if (!node.userspace || bridge == nullptr) {
    return;  // the kernel's datapath takes what the kernel makes of packets
  }
  std::size_t looked = 0;
  std::string wrong;
  for (const auto& [name, interface] : bridge->interfaces) {
    const auto record = record_from(interface->external_ids);
    const auto inside = record ? netlink::NetworkNamespace::open(record->netns) : Error(Errc::not_found, "");
    if (!inside) {
      continue;  // gone, or not ours
    }
    const std::string& link = record->attachment.ifname;
    const Result<bool> on = inside->run([&link] { return netlink::transmit_checksum_offload(link); });
    looked += on ? 1U : 0U;
    if (on && *on) {
      wrong += (wrong.empty() ? "" : ", ") + record->pod;
    }
  }
  if (!wrong.empty()) {
    node.findings.fail("offload", fmt::format("transmit checksums are left to hardware that is not there: {}", wrong),
                       "in the container's namespace: ethtool -K eth0 tx off; ping works with it, TCP hangs");
    return;
  }
  node.findings.ok("offload",
                   fmt::format("transmit checksums are made by the containers' kernels ({} looked at)", looked));
}

void check_buffers(Examination& node) {
  if (!node.userspace) {
    return;
  }
  std::ifstream file("/proc/sys/net/core/rmem_default");
  std::uint64_t bytes = 0;
  if (!(file >> bytes)) {
    return;  // a network namespace of its own: the machine's value is not seen from here
  }
  if (bytes < least_receive_buffer_bytes) {
    node.findings.warn("buffers",
                       fmt::format("net.core.rmem_default is {} bytes: bulk TCP loses packets in bursts", bytes),
                       "sysctl net.core.rmem_default=8388608 before ovs-vswitchd starts");
    return;
  }
  node.findings.ok("buffers", fmt::format("net.core.rmem_default is {} bytes", bytes));
}

}  // namespace mooring::agent::doctor
