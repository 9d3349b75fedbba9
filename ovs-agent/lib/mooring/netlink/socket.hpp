// rtnetlink of one network namespace: links, addresses, routes, neighbours.
//
//   auto socket = NetlinkSocket::open();                    // of the calling thread's namespace
//   auto inside = NetlinkSocket::open_in(*container);       // of another; the socket stays there, the thread does not
//   const auto link = inside->find_link("eth0");
//
// API: each call is one request (a list: one dump) and its answer. `add_*` refuses what exists already
// (Errc::already_exists), `replace_*` does not; `delete_*` of what is not there is Errc::not_found, for the caller to
// take as success where it is idempotent. Messages read "doing X with NAME: cause", the kernel's own explanation
// (extended acknowledgement) included where it gives one.
// A list is whole: one that was overtaken by a change is read again (Errc::unavailable if that never ends).
// Errors: Errc::already_exists (EEXIST), not_found (ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL), in_use (EBUSY),
// permission_denied (EPERM, EACCES), invalid_argument (a name too long), io (anything else).
// Threading: one thread at a time per object. Calls block while the kernel works; it always answers, but link changes
// queue behind the node's one rtnl lock (milliseconds; deleting a veth 20-50 ms).
// Performance: 15-30 us a request, veth pair 0.7 ms.
// Source: rtnetlink(7), netlink(7), veth(4).
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "mooring/netlink/netns.hpp"
#include "mooring/netlink/types.hpp"

namespace mooring::netlink {

class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open();
  static Result<NetlinkSocket> open_in(const NetworkNamespace& target);
  NetlinkSocket(NetlinkSocket&&) noexcept;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept;
  ~NetlinkSocket();

  // --- links
  Result<void> create_veth(const VethPair& pair);
  Result<Link> find_link(std::string_view name);
  Result<Link> find_link(int index);
  Result<std::vector<Link>> list_links();
  Result<void> change_link(int index, const LinkChange& change);
  // Of a veth pair, the other end goes too.
  Result<void> delete_link(std::string_view name);
  Result<void> delete_link(int index);
  // All links of a group (not 0, which everybody is in) by one message.
  Result<void> delete_link_group(std::uint32_t group);

  // --- redirection: whatever comes in by one link leaves by another, and the namespace's own stack never sees it
  // (ingress qdisc, u32 filter, mirred action). Both links must be up for packets to pass.
  Result<void> redirect_incoming(int from_index, int to_index);
  // Where that goes; nothing if it does not go anywhere.
  Result<std::optional<int>> redirection_of(int from_index);

  // --- addresses
  Result<void> add_address(const Address& address);
  Result<void> replace_address(const Address& address);
  Result<void> delete_address(const Address& address);
  // Of one link, or of all; of one family.
  Result<std::vector<Address>> list_addresses(std::optional<int> link_index = std::nullopt,
                                              net::Family family = net::Family::v4);

  // --- routes (unicast)
  Result<void> add_route(const Route& route);
  // Takes the place of the route of the same destination, metric and table.
  Result<void> replace_route(const Route& route);
  Result<void> delete_route(const Route& route);
  // All tables but the kernel's own `local` one; of one link, or of all; of one family.
  Result<std::vector<Route>> list_routes(std::optional<int> link_index = std::nullopt,
                                         net::Family family = net::Family::v4);

  // --- permanent neighbours
  Result<void> replace_neighbour(const Neighbour& neighbour);
  Result<void> delete_neighbour(int link_index, net::IpAddress address);
  Result<std::vector<Neighbour>> list_neighbours(int link_index, net::Family family = net::Family::v4);

 private:
  class Connection;  // libnl's socket
  explicit NetlinkSocket(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace mooring::netlink
