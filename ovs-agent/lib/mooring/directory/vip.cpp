#include "mooring/directory/vip.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace mooring::directory {
namespace {

// MurmurHash3's last step: every bit of the result depends on every bit.
std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ bits >> 33) * 0xff51'afd7'ed55'8ccdU;
  bits = (bits ^ bits >> 33) * 0xc4ce'b9fe'1a85'ec53U;
  return bits ^ bits >> 33;
}

// What names a back end in 32 bits. All nodes and gateways, of all versions, must say the same: the IPv4 address, or a
// hash of the IPv6 one. Buckets' ids are below 0xffffff00 (OFPG_BUCKET_MAX).
std::uint32_t number_of(net::IpAddress backend) {
  if (backend.is_v4()) {
    return backend.v4().bits();
  }
  const std::uint64_t hash = mixed(mixed(backend.high_bits()) ^ backend.low_bits());
  return static_cast<std::uint32_t>(hash >> 32) % 0xffff'ff00U;
}

}  // namespace

std::vector<VipBackend> used_backends(const Vip& vip) {
  std::vector<VipBackend> used;
  for (const VipBackend& backend : vip.backends) {
    if (backend.healthy) {
      used.push_back(backend);
    }
  }
  if (used.empty()) {
    used = vip.backends;
  }
  std::sort(used.begin(), used.end(), [](const VipBackend& a, const VipBackend& b) {
    return std::tie(a.since, a.at.address) < std::tie(b.since, b.at.address);
  });
  // Two IPv6 addresses of one number are rare (255 back ends: once in 130,000 VIPs): then the older one is it.
  std::set<std::uint32_t> taken;
  std::erase_if(used, [&](const VipBackend& backend) { return !taken.insert(number_of(backend.at.address)).second; });
  if (used.size() > most_used_backends) {
    used.resize(most_used_backends);
  }
  return used;
}

std::string vip_mac(net::IpAddress backend) {
  const std::uint32_t bits = number_of(backend);
  return fmt::format("0a:6e:{:02x}:{:02x}:{:02x}:{:02x}", bits >> 24, bits >> 16 & 0xffU, bits >> 8 & 0xffU,
                     bits & 0xffU);
}

std::string vip_group_text(std::uint32_t id, const std::vector<VipWay>& ways) {
  const bool v6 = !ways.empty() && !ways.front().backend.is_v4();
  std::string text = fmt::format("group_id={},type=select,selection_method=hash,fields({},tcp_src,udp_src)", id,
                                 v6 ? "ipv6_src" : "ip_src");
  for (const VipWay& way : ways) {
    text += fmt::format(",bucket=bucket_id:{},actions={}", number_of(way.backend), way.actions);
  }
  return text;
}

}  // namespace mooring::directory
