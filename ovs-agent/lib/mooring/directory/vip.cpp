#include "mooring/directory/vip.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace mooring::directory {

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
  if (used.size() > most_used_backends) {
    used.resize(most_used_backends);
  }
  return used;
}

std::string vip_mac(net::IpAddress backend) {
  const std::uint32_t bits = backend.v4().bits();
  return fmt::format("0a:6e:{:02x}:{:02x}:{:02x}:{:02x}", bits >> 24, bits >> 16 & 0xffU, bits >> 8 & 0xffU,
                     bits & 0xffU);
}

std::string vip_group_text(std::uint32_t id, const std::vector<VipWay>& ways) {
  std::string text = fmt::format("group_id={},type=select,selection_method=hash,fields(ip_src,tcp_src,udp_src)", id);
  for (const VipWay& way : ways) {
    text += fmt::format(",bucket=bucket_id:{},actions={}", way.backend.v4().bits(), way.actions);
  }
  return text;
}

}  // namespace mooring::directory
