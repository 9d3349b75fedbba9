// The open line to the controller that agents and gateways share: registers under the own name, follows the watch
// stream into a Directory, resumes, backs off, answers queries. All decisions are WatchSession's; this is the I/O.
//
//   directory::Directory replica("h1");
//   directory::WatchClient client(strand, controller, replica, settings, callbacks);
//   co_spawn(strand, client.run(), detached);
//
// Threading: everything, callbacks included, runs on the executor of run(); give it a strand (or one thread) that also
// owns the Directory.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "mooring/directory/directory.hpp"
#include "mooring/directory/watch_session.hpp"
#include "mooring/http/client.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::directory {

struct WatchClientSettings {
  enum class Role { node, gateway };
  Role role = Role::node;
  std::string name;
  ipam_api::Registration registration;  // PUT /v1/nodes|gateways/NAME, before each stream
  http::Endpoint controller;            // socket, or address + port
  std::string token;                    // bearer token, "" on the unix socket
};

struct WatchClientCallbacks {
  // After each batch of frames that changed something: what changed (take_changes()), at the directory's new revision.
  std::function<void(const Changes&)> changed;
  // A QUERY came down; the answer is POSTed to /v1/answers/ID. An error becomes a problem.
  std::function<Result<ipam_api::Json>(const std::string& question, const ipam_api::Json& arguments)> answer;
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
  WatchClient(Directory& directory, WatchClientSettings settings, WatchClientCallbacks callbacks);
  ~WatchClient();
  WatchClient(const WatchClient&) = delete;
  WatchClient& operator=(const WatchClient&) = delete;

  // Runs until stop() or cancellation; never throws for the network's sake.
  boost::asio::awaitable<void> run();
  void stop();
  WatchStatus status() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mooring::directory
