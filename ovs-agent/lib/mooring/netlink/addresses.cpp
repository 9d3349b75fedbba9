// Addresses of links, and permanent neighbours.
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <fmt/format.h>

#include "mooring/netlink/connection.hpp"

namespace mooring::netlink {
namespace {

Request address_request(int type, int flags, const Address& address) {
  ifaddrmsg header{};
  const net::IpAddress own = address.address.address;
  header.ifa_family = family_number(own.family());
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.address.prefix_length);
  header.ifa_index = static_cast<std::uint32_t>(address.link_index);
  header.ifa_flags = own.is_v4() ? std::uint8_t{0} : std::uint8_t{IFA_F_NODAD};
  Request request(type, flags, header);
  // IFA_LOCAL is the address, IFA_ADDRESS the peer's on point-to-point links: the same here.
  request.put_address(IFA_LOCAL, own);
  request.put_address(IFA_ADDRESS, own);
  return request;
}

std::string named(std::string_view doing, const Address& address) {
  return fmt::format("{} address {} of link number {}", doing, address.address.str(), address.link_index);
}

ndmsg neighbour_header(int link_index, net::Family family) {
  ndmsg header{};
  header.ndm_family = family_number(family);
  header.ndm_ifindex = link_index;
  header.ndm_state = NUD_PERMANENT;
  return header;
}

}  // namespace

Result<void> NetlinkSocket::add_address(const Address& address) {
  Request request = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
  return connection_->call(named("adding", address), request);
}

Result<void> NetlinkSocket::replace_address(const Address& address) {
  Request request = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address);
  return connection_->call(named("setting", address), request);
}

Result<void> NetlinkSocket::delete_address(const Address& address) {
  Request request = address_request(RTM_DELADDR, 0, address);
  return connection_->call(named("deleting", address), request);
}

Result<std::vector<Address>> NetlinkSocket::list_addresses(std::optional<int> link_index, net::Family family) {
  ifaddrmsg header{};
  header.ifa_family = family_number(family);
  header.ifa_index = static_cast<unsigned>(link_index.value_or(0));
  Request request(RTM_GETADDR, NLM_F_DUMP, header);
  return connection_->list_of_link<Address>(
      "listing addresses", request, [&](nlmsghdr* message) -> std::optional<Address> {
        const auto* found = static_cast<const ifaddrmsg*>(nlmsg_data(message));
        const Attributes<IFA_MAX + 1> attributes(message, sizeof(ifaddrmsg));
        // IPv6 names an address without a peer in IFA_ADDRESS alone.
        const auto address = address_of(attributes[attributes[IFA_LOCAL] != nullptr ? IFA_LOCAL : IFA_ADDRESS]);
        const int index = static_cast<int>(found->ifa_index);
        if (found->ifa_family != family_number(family) || !address || (link_index && *link_index != index)) {
          return std::nullopt;
        }
        return Address{index, {*address, found->ifa_prefixlen}};
      });
}

Result<void> NetlinkSocket::replace_neighbour(const Neighbour& neighbour) {
  Request request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
                  neighbour_header(neighbour.link_index, neighbour.address.family()));
  request.put_address(NDA_DST, neighbour.address);
  request.put_mac(NDA_LLADDR, neighbour.mac);
  return connection_->call(fmt::format("setting neighbour {} of link number {} to {}", neighbour.address.str(),
                                       neighbour.link_index, neighbour.mac.str()),
                           request);
}

Result<void> NetlinkSocket::delete_neighbour(int link_index, net::IpAddress address) {
  Request request(RTM_DELNEIGH, 0, neighbour_header(link_index, address.family()));
  request.put_address(NDA_DST, address);
  return connection_->call(fmt::format("deleting neighbour {} of link number {}", address.str(), link_index), request);
}

Result<std::vector<Neighbour>> NetlinkSocket::list_neighbours(int link_index, net::Family family) {
  ndmsg header{};
  header.ndm_family = family_number(family);
  Request request(RTM_GETNEIGH, NLM_F_DUMP, header);
  return connection_->list<Neighbour>(
      "listing neighbours", request, [&](nlmsghdr* message) -> std::optional<Neighbour> {
        const auto* found = static_cast<const ndmsg*>(nlmsg_data(message));
        const Attributes<NDA_MAX + 1> attributes(message, sizeof(ndmsg));
        const auto address = address_of(attributes[NDA_DST]);
        const auto mac = mac_of(attributes[NDA_LLADDR]);
        if (found->ndm_family != family_number(family) || found->ndm_ifindex != link_index ||
            (found->ndm_state & NUD_PERMANENT) == 0 || !address || !mac) {
          return std::nullopt;
        }
        return Neighbour{link_index, *address, *mac};
      });
}

}  // namespace mooring::netlink
