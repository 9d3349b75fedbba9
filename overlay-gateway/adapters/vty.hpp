// A conversation with a daemon of FRR over its own socket (/run/frr/bgpd.vty), as vtysh has it: a command and a zero
// byte there, text, three zero bytes and the command's code back (FRR 8.4, vtysh/vtysh.c and lib/vty.c). Threading: one
// question at a time, on the executor's thread.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "overlay-gateway/app/ports.hpp"

namespace mooring::gateway {

class Vty : public RoutingDaemon {
 public:
  Vty(boost::asio::any_io_executor executor, std::string path);

  // Connects if need be. `timeout` after 2 s without an answer.
  boost::asio::awaitable<Result<Answer>> ask(std::string command) override;

 private:
  using Socket = boost::asio::local::stream_protocol::socket;

  boost::asio::awaitable<Result<Answer>> exchange(std::shared_ptr<Socket> socket, std::string command);
  boost::asio::awaitable<Result<Answer>> connect_and_ask(std::string command);
  Error failure(const std::string& doing, const std::string& why) const;

  boost::asio::any_io_executor executor_;
  std::string path_;
  std::shared_ptr<Socket> socket_;  // null: not connected
};

}  // namespace mooring::gateway
