// The ports of this node, by attachment and by (VNI, IP) of either family, and which segments they use.
// Pure. Threading: one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "ovs-agent/domain/local_port.hpp"

namespace mooring::agent {

// A layer-2 segment that a local port sits in: its VNI and one family's subnet as the port's prefix length gives it.
struct Segment {
  net::Vni vni;
  net::IpCidr cidr;
  auto operator<=>(const Segment&) const = default;
};

class LocalPorts {
 public:
  using Map = std::map<Attachment, LocalPort>;

  // Inserts or replaces.
  void put(LocalPort port);
  // Nothing if there is none. Its keys stay in departed() for a while.
  std::optional<LocalPort> remove(const Attachment& attachment);
  // Null if there is none; valid until it is removed. Change what identifies a port only by put().
  LocalPort* find(const Attachment& attachment);
  const LocalPort* find(const Attachment& attachment) const;
  // Several while a container is replaced by another one of the same address.
  std::vector<const LocalPort*> at(PortKey key) const;
  std::vector<const LocalPort*> at(net::IpAddress address) const;  // in any VNI, the lowest VNI first

  // (VNI, IP) of ports that left this node: senders that have not heard of it are hairpinned.
  bool departed(PortKey key) const { return departed_.contains(key); }
  const std::set<PortKey>& departed() const { return departed_; }
  static constexpr std::size_t most_departed = 4096;
  // An address left in another way than by remove(): an extra one, or before this agent began.
  void has_departed(PortKey key);

  const Map& all() const { return ports_; }
  std::size_t size() const { return ports_.size(); }
  const std::map<Segment, std::size_t>& segments() const { return segments_; }  // -> number of ports

 private:
  void unindex(const LocalPort& port);

  Map ports_;
  std::multimap<PortKey, Attachment> by_key_;
  std::multimap<net::IpAddress, Attachment> by_address_;
  std::map<Segment, std::size_t> segments_;
  std::set<PortKey> departed_;
  std::deque<PortKey> departed_order_;
};

}  // namespace mooring::agent
