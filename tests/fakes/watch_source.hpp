// A controller's directory as far as the watch stream shows it: entries by transactions, and the frames that tell them,
// as text. Digests are those of docs/api/watch.md. For tests of readers.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "mooring/ipam_api/watch.hpp"

namespace mooring::fakes {

class WatchSource {
 public:
  std::string incarnation = "inc-1";
  std::uint32_t heartbeat_seconds = 5;  // what HELLO says
  ipam_api::Revision revision = 0;

  static ipam_api::Entry port(std::uint32_t vni, const std::string& address, const std::string& node,
                              ipam_api::Generation generation, const std::string& state = "active",
                              const std::string& attachment = "c1/eth0") {
    ipam_api::Entry entry;
    entry.kind = "port";
    entry.shard = vni;
    entry.key = address + "/32";
    entry.revision = generation;
    entry.generation = generation;
    entry.value = {{"node", node},
                   {"mac", "0a:58:0a:00:00:05"},
                   {"state", state},
                   {"attachment", attachment},
                   {"network", "default"}};
    return entry;
  }
  static ipam_api::Entry object(const std::string& kind, const std::string& key, ipam_api::Json value) {
    ipam_api::Entry entry;
    entry.kind = kind;
    entry.key = key;
    entry.value = std::move(value);
    return entry;
  }
  static ipam_api::Entry tombstone(ipam_api::Entry entry) {
    entry.deleted = true;
    entry.value = nullptr;
    return entry;
  }

  // Next revision, given to every entry (to its generation too if that is 0 and it is a port). Returns the CHANGES
  // line.
  std::string commit(std::vector<ipam_api::Entry> changes) {
    ++revision;
    for (ipam_api::Entry& entry : changes) {
      entry.revision = revision;
      if (entry.kind == "port" && entry.generation == 0) {
        entry.generation = revision;
      }
      if (entry.deleted) {
        entries_.erase(name(entry));
      } else {
        entries_[name(entry)] = entry;
      }
    }
    return write(ipam_api::Changes{revision, std::move(changes)});
  }

  std::string hello(bool resume) const {
    return write(ipam_api::Hello{1, incarnation, revision, resume, heartbeat_seconds});
  }
  std::string heartbeat() const { return write(ipam_api::Heartbeat{revision, sums().total().digest}); }
  std::string entries(ipam_api::Shard shard) const {
    ipam_api::Entries frame;
    frame.shard = shard;
    for (const auto& [key, entry] : entries_) {
      if (entry.shard == shard) {
        frame.entries.push_back(entry);
      }
    }
    return write(frame);
  }
  std::string end_of_snapshot(ipam_api::Shard shard) const {
    const auto sum = sums().shard(shard);
    return write(ipam_api::EndOfSnapshot{shard, revision, sum.count, sum.digest});
  }
  std::string end_of_snapshots() const { return write(ipam_api::EndOfSnapshots{revision, shards()}); }
  // HELLO to END_OF_SNAPSHOTS.
  std::vector<std::string> snapshot() const {
    std::vector<std::string> lines{hello(false)};
    for (const ipam_api::Shard shard : shards()) {
      lines.push_back(entries(shard));
      lines.push_back(end_of_snapshot(shard));
    }
    lines.push_back(end_of_snapshots());
    return lines;
  }

  std::vector<ipam_api::Shard> shards() const {
    std::set<ipam_api::Shard> found;
    for (const auto& [key, entry] : entries_) {
      found.insert(entry.shard);
    }
    return {found.begin(), found.end()};
  }
  ipam_api::DigestSums sums() const {
    ipam_api::DigestSums sums;
    for (const auto& [key, entry] : entries_) {
      sums.add(entry.shard, ipam_api::entry_digest(entry));
    }
    return sums;
  }

  template <class Frame>
  static std::string write(const Frame& frame) {
    std::string line = ipam_api::write_frame(frame);
    line.pop_back();  // its newline
    return line;
  }

 private:
  using Name = std::tuple<ipam_api::Shard, std::string, std::string>;
  static Name name(const ipam_api::Entry& entry) { return {entry.shard, entry.kind, entry.key}; }

  std::map<Name, ipam_api::Entry> entries_;
};

}  // namespace mooring::fakes
