// Inside of the library: one request to the kernel and its answer, over libnl's sockets and messages.
// Only this library's .cpp files include it (it brings libnl's headers).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "mooring/base/error.hpp"
#include "mooring/netlink/socket.hpp"

namespace mooring::netlink {

// A request under construction: a fixed header, then attributes. Out of memory is std::bad_alloc.
class Request {
 public:
  template <class Header>
  Request(int type, int flags, const Header& header) : Request(type, flags) {
    append(&header, sizeof header);
  }

  template <class T>
  Request& put(int attribute, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return put_bytes(attribute, &value, sizeof value);
  }
  Request& put_text(int attribute, std::string_view text);
  Request& put_bytes(int attribute, const void* bytes, std::size_t size);
  Request& put_address(int attribute, net::IpAddress address);  // 4 or 16 bytes
  Request& put_mac(int attribute, const net::MacAddress& mac);
  // Attributes put by `fill` go inside `attribute`.
  template <class Fill>
  Request& nest(int attribute, Fill fill) {
    nlattr* start = begin_nest(attribute);
    fill(*this);
    nla_nest_end(message_.get(), start);
    return *this;
  }
  // Raw bytes without an attribute header (VETH_INFO_PEER begins with an ifinfomsg).
  Request& append(const void* bytes, std::size_t size);

  nl_msg* message() { return message_.get(); }

 private:
  Request(int type, int flags);
  nlattr* begin_nest(int attribute);

  std::unique_ptr<nl_msg, decltype(&nlmsg_free)> message_;
};

class NetlinkSocket::Connection {
 public:
  static Result<std::unique_ptr<Connection>> open();

  // Sends and waits for the kernel's acknowledgement.
  Result<void> call(std::string_view doing, Request& request);
  // Sends and hands the answer to `take`.
  Result<void> query(std::string_view doing, Request& request, const std::function<void(nlmsghdr*)>& take);
  // Sends a dump and answers what `read` makes of its messages (nothing: left out). A dump that was overtaken by a
  // change can lack entries that were there all the time; it is asked for again, and after many times
  // Errc::unavailable.
  template <class T, class Read>
  Result<std::vector<T>> list(std::string_view doing, Request& request, Read read) {
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
      std::vector<T> found;
      const auto done = query(doing, request, [&](nlmsghdr* message) {
        if (std::optional<T> entry = read(message)) {
          found.push_back(std::move(*entry));
        }
      });
      if (done) {
        return found;
      }
      if (!overtaken_) {
        return done.error();
      }
    }
    return Error(Errc::unavailable, std::string(doing) + ": the list changes faster than it can be read");
  }
  // The same for what one link has; a link that is not there has nothing.
  template <class T, class Read>
  Result<std::vector<T>> list_of_link(std::string_view doing, Request& request, Read read) {
    auto found = list<T>(doing, request, std::move(read));
    return !found && found.error().code() == Errc::not_found ? std::vector<T>() : std::move(found);
  }

 private:
  explicit Connection(nl_sock* socket);
  Result<void> exchange(std::string_view doing, Request& request);
  static int on_message(nl_msg* message, void* self);
  static int on_error(sockaddr_nl* from, nlmsgerr* answer, void* self);

  std::unique_ptr<nl_sock, decltype(&nl_socket_free)> socket_;
  static constexpr int dump_attempts = 100;

  const std::function<void(nlmsghdr*)>* take_ = nullptr;
  bool overtaken_ = false;
  int error_number_ = 0;
  std::string explanation_;
};

// Attributes of an answer, by type.
template <std::size_t Count>
struct Attributes {
  nlattr* table[Count] = {};

  // `header_size` is that of the fixed header behind nlmsghdr.
  Attributes(nlmsghdr* message, int header_size) {
    nlmsg_parse(message, header_size, table, static_cast<int>(Count) - 1, nullptr);
  }
  const nlattr* operator[](int type) const { return table[type]; }
  std::uint32_t number(int type) const { return table[type] == nullptr ? 0 : nla_get_u32(table[type]); }
  std::string text(int type) const { return table[type] == nullptr ? std::string() : nla_get_string(table[type]); }
};

std::optional<net::IpAddress> address_of(const nlattr* attribute);
// AF_INET, AF_INET6.
unsigned char family_number(net::Family family);
std::optional<net::MacAddress> mac_of(const nlattr* attribute);

}  // namespace mooring::netlink
