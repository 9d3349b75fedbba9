// The watch streams (docs/api/watch.md): every committed change to every reader, each encoded once; snapshots; resuming
// by revision from the change log; heartbeats with the digest; who is live; questions to nodes.
//
// A stream first sends from the change log (or a snapshot and then the log) until what it lacks is among the newest
// frames (live_frames.hpp), and follows them from there: a stream costs no memory here, however slow its reader.
// A reader that follows but does not take its bytes is ended when it has fallen behind those frames, or by the server's
// write deadline.
//
// Frames leave in batches: at once while there are few streams, and up to 20 ms later with thousands, since each stream
// costs a system call a batch. The streams are woken up in groups, so that requests are answered in between.
//
// Threading: everything on the thread of the executor, which is Ipam's. It must outlive its streams: stop the server
// and run the executor until it is out of work before destroying this.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/api/directory_digests.hpp"
#include "ipam-controller/api/directory_snapshot.hpp"
#include "ipam-controller/api/live_frames.hpp"
#include "ipam-controller/api/node_queries.hpp"
#include "ipam-controller/api/outbox.hpp"
#include "ipam-controller/api/wake_round.hpp"
#include "ipam-controller/app/ipam.hpp"
#include "mooring/http/server.hpp"
#include "mooring/ipam_api/watch.hpp"

namespace mooring::controller {

struct WatchOptions {
  std::chrono::seconds heartbeat{5};
  std::chrono::seconds node_silence{30};                  // a node is silent when it has not been heard for so long
  std::size_t live_bytes = std::size_t{8} * 1024 * 1024;  // of the newest frames: how far a reader may fall behind
};

class WatchHub {
 public:
  using WallClock = std::chrono::system_clock;

  struct Presence {
    bool live = false;                                // has an open stream
    std::optional<WallClock::time_point> last_heard;  // nothing since this controller started: none
    std::string state;                                // of a gateway that is live, as it says itself; "": not yet
  };

  WatchHub(asio::any_io_executor executor, Ipam& ipam, WatchOptions options = WatchOptions());
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // Reads the directory and subscribes to its changes. Once, after Ipam::start() and before the first request.
  void start();

  // The answer to GET /v1/watch. Errors: not_found (the name is not registered), unavailable (shutting down).
  asio::awaitable<Result<http::Stream>> open(ipam_api::WatchRequest request);

  // Something came from that node or gateway.
  void heard(ipam_api::Role role, const std::string& name);
  // A gateway says what it does; kept for as long as it is live.
  void told_state(const std::string& gateway, std::string state);
  Presence presence(ipam_api::Role role, const std::string& name) const;
  // Why that node or gateway cannot be called silent: "its watch stream is open"; none: it is silent. Within the first
  // node_silence of this controller nobody is.
  std::optional<std::string> sign_of_life(ipam_api::Role role, const std::string& name) const;
  std::chrono::seconds node_silence() const { return options_.node_silence; }
  // Of the machine that holds the name's open stream; none: no stream is open.
  std::optional<std::string> live_machine(ipam_api::Role role, const std::string& name) const;

  // Asks down the stream of that name and waits for the answer. Errors: unavailable (no stream), timeout.
  asio::awaitable<Result<ipam_api::Json>> ask(ipam_api::Role role, std::string name, std::string question,
                                              ipam_api::Json arguments, NodeQueries::Deadline deadline);
  Result<void> answer(const std::string& id, ipam_api::Json body) { return queries_.answer(id, std::move(body)); }

  // Says goodbye to every reader; no new stream is opened. Done when streams() is 0.
  void shutdown();
  std::size_t streams() const { return readers_.size(); }

 private:
  struct Reader;
  class Enrolled;
  using Name = std::pair<ipam_api::Role, std::string>;
  struct Known {
    std::shared_ptr<Reader> stream;  // none: not live
    std::optional<WallClock::time_point> last_heard;
    std::string state;  // Presence
  };

  void on_changes(const ChangeSet& changes);
  void flush_soon();
  // Makes what has gathered a block for all who follow.
  void flush();
  void wake_followers();
  void end(Reader& reader, std::string title, std::string detail);
  void beat();

  asio::awaitable<void> serve(std::shared_ptr<Reader> reader, http::LineSink& sink);
  // Until the reader stands where the directory stands; false: the stream is over.
  asio::awaitable<bool> catch_up(Reader& reader, http::LineSink& sink);
  asio::awaitable<bool> send_snapshot(Reader& reader, http::LineSink& sink);
  asio::awaitable<void> follow(Reader& reader, http::LineSink& sink);
  asio::awaitable<bool> send(Reader& reader, http::LineSink& sink, Lines block);
  asio::awaitable<Result<ChangeLogPage>> log_after(Revision after);
  // One that is being sent, if a reader of it can go on in the newest frames, else a new one.
  asio::awaitable<std::shared_ptr<DirectorySnapshot>> fresh_snapshot();

  asio::any_io_executor executor_;
  Ipam& ipam_;
  WatchOptions options_;
  DirectoryDigests digests_;
  std::weak_ptr<DirectorySnapshot> snapshot_;  // that somebody still sends
  NodeQueries queries_;
  LiveFrames live_;
  std::map<std::uint64_t, Reader*> readers_;  // by their numbers
  std::uint64_t last_number_ = 0;
  std::map<Name, Known> known_;
  asio::steady_timer heartbeat_;
  WallClock::time_point started_ = WallClock::now();
  asio::steady_timer flush_timer_;
  bool flush_due_ = false;
  std::chrono::steady_clock::time_point flushed_;
  WakeRound round_;      // of telling the readers of the newest block
  bool waking_ = false;  // a step of wake_followers() is due
  bool stopping_ = false;
  std::shared_ptr<WatchHub*> self_;  // posted work holds it weakly
};

}  // namespace mooring::controller
