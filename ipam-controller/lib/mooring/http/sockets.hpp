// The socket type of this library and the few calls that server and clients share. Internal to this library.
//
// One type for unix and TCP, so that a connection is written once.
#pragma once

#include <cstddef>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "mooring/http/message.hpp"
#include "mooring/http/wire.hpp"

namespace mooring::http {

namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;
using IoError = boost::system::error_code;

// co_await socket.async_read_some(buffer, as_result) gives (error, bytes); nothing is thrown for a broken connection.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};

inline constexpr std::size_t read_bytes = 16 * 1024;

// Room for the next read, as Asio wants it.
inline asio::mutable_buffer room_in(wire::InputBuffer& input) {
  char* room = input.room(read_bytes);
  return asio::mutable_buffer(room, input.room_size());
}

// SO_PEERCRED or the remote address.
Peer peer_of(Socket& socket);

}  // namespace mooring::http
