// Which destinations of br-tun are in use, and therefore have a flow: those that a packet asked for, until nobody has
// used them for a while. At most `capacity`; when it is full the least recently used one makes room, but never one that
// was used a moment ago: a container that tries a thousand addresses a second must not push out what others talk to.
// Without a gateway there is no other way for a packet than a flow: then the least recently used one goes in any case.
//
// Each destination has an idle time-out of its own, a tenth around `idle`: what came together does not go together.
// Pure: time is told. Threading: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mooring/directory/port_table.hpp"

namespace mooring::agent {

class WorkingSet {
 public:
  using Key = directory::PortKey;
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;

  struct Settings {
    std::size_t capacity = 4096;
    Duration idle{300'000};
    Duration protect{15'000};  // used within this time: not evicted
  };
  WorkingSet() = default;
  explicit WorkingSet(Settings settings) : settings_(settings) {}

  enum class Admission { there, admitted, full };
  struct Admitted {
    Admission admission = Admission::there;
    std::optional<Key> evicted;
  };
  // A packet asked for the destination. `must`: there is no relay for it.
  Admitted admit(Key key, bool must, Time now);
  // What the switch counts for the destination's flow since it was made. A count that differs from the last one told is
  // a use (a smaller one: the flow was made anew).
  void counted(Key key, std::uint64_t packets, Time now);
  // Destinations that nobody has used for their idle time: taken out, least recently used first.
  std::vector<Key> expire(Time now);
  // False if it was not there.
  bool remove(Key key);

  bool contains(Key key) const { return entries_.contains(key); }
  std::size_t size() const { return entries_.size(); }
  // The most recently used first.
  std::vector<Key> keys() const;
  const Settings& settings() const { return settings_; }

 private:
  struct Entry {
    Time used;
    std::uint64_t packets = 0;
  };
  Duration idle_of(Key key) const;
  void use(Key key, Entry& entry, Time now);

  Settings settings_;
  std::unordered_map<Key, Entry, directory::PortKeyHash> entries_;
  std::set<std::pair<Time, Key>> by_use_;
};

}  // namespace mooring::agent
