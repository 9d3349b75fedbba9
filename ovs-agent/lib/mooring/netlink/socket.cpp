#include "mooring/netlink/socket.hpp"

#include "mooring/netlink/connection.hpp"

namespace mooring::netlink {

NetlinkSocket::NetlinkSocket(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
NetlinkSocket::NetlinkSocket(NetlinkSocket&&) noexcept = default;
NetlinkSocket& NetlinkSocket::operator=(NetlinkSocket&&) noexcept = default;
NetlinkSocket::~NetlinkSocket() = default;

Result<NetlinkSocket> NetlinkSocket::open() {
  auto connection = Connection::open();
  if (!connection) {
    return connection.error();
  }
  return NetlinkSocket(std::move(connection).value());
}

Result<NetlinkSocket> NetlinkSocket::open_in(const NetworkNamespace& target) {
  // A socket belongs to the namespace that it was made in.
  return target.run([] { return open(); });
}

}  // namespace mooring::netlink
