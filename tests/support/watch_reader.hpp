// A reader of the watch stream for tests: applies docs/api/watch.md to the letter, and nothing of the library that the
// agent uses, so that the two are checked against each other.
//
// Threading: one thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "mooring/http/blocking_client.hpp"
#include "mooring/ipam_api/watch.hpp"
#include "support/controller_process.hpp"

namespace mooring::tests {

class WatchReader {
 public:
  explicit WatchReader(http::BlockingClient client) : client_(std::move(client)) {}

  // Opens a stream; the HTTP status.
  int open(const ipam_api::WatchRequest& request) {
    caught_up_ = false;
    goodbye_.clear();
    REQUIRE(client_.send("GET", ipam_api::watch_target(request), "", soon()).has_value());
    const auto head = client_.receive_head(soon());
    REQUIRE(head.has_value());
    if (head->status == 200) {
      CHECK(head->content_type == "application/x-ndjson");
      const auto frame = next();
      REQUIRE(frame.has_value());
      hello_ = std::get<ipam_api::Hello>(*frame);
      caught_up_ = hello_.resume;
    }
    return head->status;
  }
  int open(ipam_api::Role role, const std::string& name) {
    ipam_api::WatchRequest request;
    request.role = role;
    request.name = name;
    return open(request);
  }
  // From where this reader stands.
  int resume(ipam_api::Role role, const std::string& name) {
    ipam_api::WatchRequest request;
    request.role = role;
    request.name = name;
    request.incarnation = hello_.incarnation;
    request.revision = revision_;
    return open(request);
  }

  // The next frame, applied. The error of the stream when it has ended.
  Result<ipam_api::Frame> next(std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    const auto line = client_.next_line(http::after(patience));
    if (!line) {
      return line.error();
    }
    auto frame = ipam_api::parse_frame(*line);
    REQUIRE(frame.has_value());
    apply(*frame);
    return frame;
  }

  // Reads until the condition holds; false: the stream ended, or 10 s are over.
  template <class Condition>
  bool read_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end || !next()) {
        return false;
      }
    }
    return true;
  }
  // Up to a heartbeat at or after `revision`, whose digest must be ours.
  bool read_heartbeat(ipam_api::Revision revision = 0) {
    return read_until([&] { return caught_up_ && heartbeat_ > 0 && heartbeat_ >= revision && fresh_heartbeat_; });
  }

  const ipam_api::Hello& hello() const { return hello_; }
  ipam_api::Revision revision() const { return revision_; }
  const std::map<std::string, ipam_api::Entry>& entries() const { return entries_; }
  const ipam_api::Entry* entry(const std::string& kind, const std::string& key) const {
    for (const auto& [name, entry] : entries_) {
      if (entry.kind == kind && entry.key == key) {
        return &entry;
      }
    }
    return nullptr;
  }
  const std::string& goodbye() const { return goodbye_; }
  const std::vector<ipam_api::Query>& queries() const { return queries_; }
  ipam_api::Digest digest() const {
    ipam_api::Digest sum = 0;
    for (const auto& [name, entry] : entries_) {
      sum += ipam_api::entry_digest(entry);
    }
    return sum;
  }

 private:
  static std::string name_of(const ipam_api::Entry& entry) {
    return entry.kind + " " + std::to_string(entry.shard) + " " + entry.key;
  }

  void apply(const ipam_api::Frame& frame) {
    fresh_heartbeat_ = false;
    if (const auto* part = std::get_if<ipam_api::Entries>(&frame)) {
      for (const auto& entry : part->entries) {
        CHECK(snapshot_.emplace(name_of(entry), entry).second);
      }
    } else if (const auto* end = std::get_if<ipam_api::EndOfSnapshot>(&frame)) {
      std::uint64_t count = 0;
      ipam_api::Digest sum = 0;
      for (const auto& [name, entry] : snapshot_) {
        if (entry.shard == end->shard) {
          ++count;
          sum += ipam_api::entry_digest(entry);
        }
      }
      CHECK(count == end->count);
      CHECK(sum == end->digest);
    } else if (const auto* ends = std::get_if<ipam_api::EndOfSnapshots>(&frame)) {
      entries_ = std::exchange(snapshot_, {});
      revision_ = ends->revision;
      caught_up_ = true;
    } else if (const auto* changes = std::get_if<ipam_api::Changes>(&frame)) {
      CHECK(caught_up_);
      CHECK(changes->revision > revision_);  // in order, each once
      revision_ = changes->revision;
      for (const auto& entry : changes->changes) {
        if (entry.deleted) {
          entries_.erase(name_of(entry));
        } else {
          entries_[name_of(entry)] = entry;
        }
      }
    } else if (const auto* beat = std::get_if<ipam_api::Heartbeat>(&frame)) {
      CHECK(caught_up_);
      CHECK(beat->revision >= revision_);
      CHECK(beat->digest == digest());
      revision_ = heartbeat_ = beat->revision;
      fresh_heartbeat_ = true;
    } else if (const auto* query = std::get_if<ipam_api::Query>(&frame)) {
      queries_.push_back(*query);
    } else if (const auto* goodbye = std::get_if<ipam_api::Goodbye>(&frame)) {
      goodbye_ = goodbye->title;
    }
  }

  http::BlockingClient client_;
  ipam_api::Hello hello_;
  std::map<std::string, ipam_api::Entry> entries_, snapshot_;
  ipam_api::Revision revision_ = 0;
  ipam_api::Revision heartbeat_ = 0;
  bool fresh_heartbeat_ = false;
  bool caught_up_ = false;
  std::string goodbye_;
  std::vector<ipam_api::Query> queries_;
};

}  // namespace mooring::tests
