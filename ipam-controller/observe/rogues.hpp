// Addresses that somebody uses on a physical network, or tries to use on a node, without holding them: folded, so that
// one who goes on is one event, and over when it has been quiet for five minutes (docs/observability/events.md).
//
// Bounded: at most 1,000 at a time; beyond that the one that was quiet longest is forgotten.
// Threading: one thread. No clock: `now_ms` is Unix time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "ipam-controller/domain/event.hpp"
#include "mooring/net/address.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::controller {

// Somebody says that an address is his.
struct Sighting {
  std::string network;
  net::IpAddress address;
  net::MacAddress mac;
  std::string reporter;  // "gateway gw1", "node h1"
  std::string where;     // there: "interface eth1", "pod shop/web-0"
  std::string holder;    // who has the address: "shop/db-0 on node h2"; "" = nobody
  std::uint64_t count = 1;
};

struct Rogue {
  Sighting seen;  // the first one; the count is that of all
  std::int64_t first_ms = 0, last_ms = 0;
};

class Rogues {
 public:
  static constexpr std::size_t max_rogues = 1000;
  static constexpr std::int64_t quiet_ms = 300'000;

  // What is to be told now: of a new one.
  std::optional<EventRecord> offer(const Sighting& sighting, std::int64_t now_ms);
  // Those that are over.
  std::vector<EventRecord> due(std::int64_t now_ms);
  // Before anything else: events that were told in earlier lives, in order.
  void recall(const EventRecord& event);

  std::size_t size() const { return rogues_.size(); }
  std::vector<Rogue> all() const;

 private:
  using Key = std::tuple<std::string, net::IpAddress, std::string>;  // network, address, MAC
  std::map<Key, Rogue> rogues_;
};

}  // namespace mooring::controller
