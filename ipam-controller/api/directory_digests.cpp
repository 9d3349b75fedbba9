#include "ipam-controller/api/directory_digests.hpp"

#include "mooring/net/address.hpp"

namespace mooring::controller {
namespace {

constexpr std::string_view v4_suffix = "/32";

}  // namespace

void DirectoryDigests::load(const State& state, Revision revision) {
  for (const ipam_api::Shard shard : state.shards()) {
    for (const Change& entry : state.entries_beside_ports(shard)) {
      put(entry);
    }
  }
  state.ports().each([&](const PackedPort& port) {
    for (const Change& entry : entries_of(state.ports().unpack(port))) {
      put(entry);
    }
  });
  revision_ = revision;
}

void DirectoryDigests::apply(const ChangeSet& changes) {
  for (const Change& change : changes.changes) {
    put(change);
  }
  revision_ = changes.revision;
}

template <class Map, class Key>
void DirectoryDigests::put(Map& map, const Key& key, const Change& change) {
  const auto former = map.find(key);
  if (former != map.end()) {
    sums_.remove(change.shard, former->second);
    if (change.deleted) {
      map.erase(former);
      return;
    }
    former->second = change.digest;
  } else if (change.deleted) {
    return;
  } else {
    map.emplace(key, change.digest);
  }
  sums_.add(change.shard, change.digest);
}

void DirectoryDigests::put(const Change& change) {
  if (change.kind == ipam_api::entry_kind::port && change.key.ends_with(v4_suffix)) {
    const std::string_view text = std::string_view(change.key).substr(0, change.key.size() - v4_suffix.size());
    if (const auto address = net::Ipv4Address::parse(text)) {
      put(v4_ports_, (std::uint64_t{change.shard} << 32) | address->bits(), change);
      return;
    }
  }
  put(others_, change.kind + '\0' + std::to_string(change.shard) + '\0' + change.key, change);
}

}  // namespace mooring::controller
