#include "mooring/netlink/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <endian.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <new>
#include <sys/socket.h>

#include "mooring/netlink/system_error.hpp"

namespace mooring::netlink {
namespace {

// Enough for a link with all its attributes, per-CPU statistics included.
constexpr std::size_t answer_buffer_bytes = 64 * 1024;

void enough_memory(int libnl_answer) {
  if (libnl_answer < 0) {
    throw std::bad_alloc();
  }
}

// NETLINK_EXT_ACK: attributes behind the error, after the echoed request unless that was cut off.
std::string explanation_of(nlmsgerr* answer) {
  auto* header = reinterpret_cast<nlmsghdr*>(reinterpret_cast<char*>(answer) - NLMSG_HDRLEN);
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
    return {};
  }
  std::size_t skipped = sizeof(nlmsgerr);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) {
    skipped += answer->msg.nlmsg_len - sizeof(nlmsghdr);
  }
  const std::size_t payload = header->nlmsg_len - NLMSG_HDRLEN;
  if (payload <= skipped) {
    return {};
  }
  nlattr* table[NLMSGERR_ATTR_MAX + 1] = {};
  auto* first = reinterpret_cast<nlattr*>(reinterpret_cast<char*>(answer) + skipped);
  nla_parse(table, NLMSGERR_ATTR_MAX, first, static_cast<int>(payload - skipped), nullptr);
  return table[NLMSGERR_ATTR_MSG] == nullptr ? std::string() : nla_get_string(table[NLMSGERR_ATTR_MSG]);
}

}  // namespace

Request::Request(int type, int flags) : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags), &nlmsg_free) {
  if (message_ == nullptr) {
    throw std::bad_alloc();
  }
}

Request& Request::append(const void* bytes, std::size_t size) {
  enough_memory(nlmsg_append(message_.get(), const_cast<void*>(bytes), size, NLMSG_ALIGNTO));
  return *this;
}

Request& Request::put_bytes(int attribute, const void* bytes, std::size_t size) {
  enough_memory(nla_put(message_.get(), attribute, static_cast<int>(size), bytes));
  return *this;
}

Request& Request::put_text(int attribute, std::string_view text) {
  const std::string terminated(text);
  return put_bytes(attribute, terminated.c_str(), terminated.size() + 1);
}

Request& Request::put_address(int attribute, net::IpAddress address) {
  if (address.is_v4()) {
    const std::uint32_t network_order = htonl(address.v4().bits());
    return put(attribute, network_order);
  }
  const std::array<std::uint64_t, 2> network_order{htobe64(address.high_bits()), htobe64(address.low_bits())};
  return put(attribute, network_order);
}

Request& Request::put_mac(int attribute, const net::MacAddress& mac) {
  return put_bytes(attribute, mac.octets().data(), mac.octets().size());
}

nlattr* Request::begin_nest(int attribute) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  if (start == nullptr) {
    throw std::bad_alloc();
  }
  return start;
}

NetlinkSocket::Connection::Connection(nl_sock* socket) : socket_(socket, &nl_socket_free) {}

Result<std::unique_ptr<NetlinkSocket::Connection>> NetlinkSocket::Connection::open() {
  nl_sock* socket = nl_socket_alloc();
  if (socket == nullptr) {
    throw std::bad_alloc();
  }
  std::unique_ptr<Connection> connection(new Connection(socket));
  // libnl takes a port id from the process id; in another pid namespace it can be taken: let the kernel choose.
  nl_socket_set_local_port(socket, 0);
  const int failed = nl_connect(socket, NETLINK_ROUTE);
  if (failed < 0) {
    return Error(Errc::io, std::string("opening a netlink socket: ") + nl_geterror(failed));
  }
  const int on = 1;
  // Both only make messages better; kernels before 4.12 do without.
  ::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  // A dump of one link's addresses or routes is that link's. Kernels before 4.20 send everything, and we pick.
  ::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  nl_socket_set_msg_buf_size(socket, answer_buffer_bytes);
  nl_socket_disable_msg_peek(socket);
  // An answer followed by an acknowledgement would be two datagrams; `call` asks for one where there is no answer.
  nl_socket_disable_auto_ack(socket);
  nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, &Connection::on_message, connection.get());
  nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, &Connection::on_error, connection.get());
  return connection;
}

int NetlinkSocket::Connection::on_message(nl_msg* message, void* self) {
  auto* connection = static_cast<Connection*>(self);
  if (connection->take_ != nullptr) {
    (*connection->take_)(nlmsg_hdr(message));
  }
  return NL_OK;
}

int NetlinkSocket::Connection::on_error(sockaddr_nl*, nlmsgerr* answer, void* self) {
  auto* connection = static_cast<Connection*>(self);
  connection->error_number_ = -answer->error;
  connection->explanation_ = explanation_of(answer);
  return NL_STOP;
}

Result<void> NetlinkSocket::Connection::exchange(std::string_view doing, Request& request) {
  error_number_ = 0;
  explanation_.clear();
  // The same request may be sent again: libnl gives it a number of its own each time.
  nlmsg_hdr(request.message())->nlmsg_seq = NL_AUTO_SEQ;
  int answer = nl_send_auto(socket_.get(), request.message());
  if (answer >= 0) {
    // Reads the acknowledgement, the one answer, or a dump to its end; on_error tells what the kernel refused.
    answer = nl_recvmsgs_default(socket_.get());
  }
  overtaken_ = answer == -NLE_DUMP_INTR;
  if (error_number_ != 0) {
    return system_error(doing, error_number_, explanation_);
  }
  if (answer < 0) {
    return Error(Errc::io, std::string(doing) + ": netlink: " + nl_geterror(answer));
  }
  return ok();
}

Result<void> NetlinkSocket::Connection::call(std::string_view doing, Request& request) {
  take_ = nullptr;
  nlmsg_hdr(request.message())->nlmsg_flags |= NLM_F_ACK;
  return exchange(doing, request);
}

Result<void> NetlinkSocket::Connection::query(std::string_view doing, Request& request,
                                              const std::function<void(nlmsghdr*)>& take) {
  take_ = &take;
  const auto done = exchange(doing, request);
  take_ = nullptr;
  return done;
}

std::optional<net::IpAddress> address_of(const nlattr* attribute) {
  if (attribute != nullptr && nla_len(attribute) == 4) {
    return net::IpAddress(net::Ipv4Address(ntohl(nla_get_u32(attribute))));
  }
  std::array<std::uint64_t, 2> words{};
  if (attribute == nullptr || nla_len(attribute) != static_cast<int>(sizeof words)) {
    return std::nullopt;
  }
  std::memcpy(words.data(), nla_data(attribute), sizeof words);
  return net::IpAddress::from_bits(net::IpAddress::Bits{be64toh(words[0])} << 64 | be64toh(words[1]));
}

unsigned char family_number(net::Family family) {
  return family == net::Family::v4 ? AF_INET : AF_INET6;
}

std::optional<net::MacAddress> mac_of(const nlattr* attribute) {
  std::array<std::uint8_t, 6> octets{};
  if (attribute == nullptr || nla_len(attribute) != static_cast<int>(octets.size())) {
    return std::nullopt;
  }
  std::memcpy(octets.data(), nla_data(attribute), octets.size());
  if (std::all_of(octets.begin(), octets.end(), [](std::uint8_t octet) { return octet == 0; })) {
    return std::nullopt;
  }
  return net::MacAddress(octets);
}

}  // namespace mooring::netlink
