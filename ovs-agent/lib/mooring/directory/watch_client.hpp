// The open line to the controller that agents and gateways share: registers under the own name, follows the watch
// stream into a Directory, resumes, backs off, answers queries. All decisions are WatchSession's; this is the I/O.
//
//   directory::Directory replica("h1");
//   directory::WatchClient client(executor, replica, settings, callbacks);
//   asio::co_spawn(executor, client.run(), asio::detached);   // ends after stop()
//
// Errors: none come out; whatever the network does is logged once, counted and tried again. Threading: everything,
// callbacks included, runs on `executor`: one thread (or a strand), the one that owns the Directory. The client must
// outlive run().
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "mooring/directory/directory.hpp"
#include "mooring/directory/watch_session.hpp"
#include "mooring/http/endpoint.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::directory {

struct WatchClientSettings {
  ipam_api::Role role = ipam_api::Role::node;  // node or gateway
  std::string name;
  ipam_api::Registration registration;  // PUT /v1/nodes|gateways/NAME, before each stream
  http::Endpoint controller;
  std::string token;  // bearer token, "" on the unix socket
};

struct WatchClientCallbacks {
  // The directory changed: what (take_changes()). Nothing but its revision if that is empty.
  std::function<void(const Changes&)> changed;
  // A QUERY came down; the answer is POSTed to /v1/answers/ID. An error becomes a problem. The stream is not read
  // meanwhile: answer within a second or so. Null: every question is answered with `unsupported`.
  std::function<boost::asio::awaitable<Result<ipam_api::Json>>(std::string question, ipam_api::Json arguments)> answer;
  // Registered; the stream is opened next.
  std::function<void(const ipam_api::RegistrationAnswer&)> registered;
  // Registration was refused for a reason that waiting alone does not cure (another machine holds the name or VTEP).
  // It is tried again all the same; once per distinct error.
  std::function<void(const Error&)> refused;
  // The controller is there (true) or away (false).
  std::function<void(bool)> connected;
};

// For status pages.
struct WatchStatus {
  bool registered = false;
  bool connected = false;  // HELLO received, not silent
  bool complete = false;
  Revision revision = 0;
  std::string incarnation;
  std::string last_error;  // "" if none since the last good HELLO
  SessionCounters counters;
};

class WatchClient {
 public:
  WatchClient(boost::asio::any_io_executor executor, Directory& directory, WatchClientSettings settings,
              WatchClientCallbacks callbacks);
  ~WatchClient();
  WatchClient(const WatchClient&) = delete;
  WatchClient& operator=(const WatchClient&) = delete;

  // Runs until stop().
  boost::asio::awaitable<void> run();
  void stop();
  WatchStatus status() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::directory
