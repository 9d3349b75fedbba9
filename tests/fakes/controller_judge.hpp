// What holds of any two states with one request between them, whatever was asked: an address changes hands by way of
// nobody, and when it has rested; what was never in use does not rest; quotas hold; counts are those of a recount.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_state_text.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller::fakes {

struct Holder {
  enum class How { port, bound, extra } how = How::port;
  BindingKey owner;
  std::string node;  // of a port
  bool in_use = false;
  bool operator==(const Holder&) const = default;
};
struct Rest {
  BindingKey owner;
  TimeMs until_ms = 0;
};

// What the checks look at, copied out of the state.
struct View {
  std::map<PortAddress, Holder> held;
  std::map<PortAddress, Rest> resting;
  std::map<std::string, Block> blocks;
  std::map<std::string, Pool> pools;
  std::vector<Port> ports;
  std::map<std::pair<std::string, std::string>, std::uint64_t> used;  // of a pool, by a namespace
};

inline View view_of(const State& state) {
  View view;
  const auto hold = [&](PortAddress key, const Holder& holder) { REQUIRE(view.held.emplace(key, holder).second); };
  state.ports().each([&](const PackedPort& packed) { view.ports.push_back(state.ports().unpack(packed)); });
  // In an order that does not depend on the tables: a seed stands for the same calls whatever they become.
  std::sort(view.ports.begin(), view.ports.end(), [](const Port& a, const Port& b) { return a.key() < b.key(); });
  for (const Port& port : view.ports) {
    for (const net::IpAddress address : port.addresses.all()) {
      hold({port.vni, address}, {Holder::How::port, port.owner, port.node, port.state == PortState::active});
    }
  }
  for (const auto& [owner, binding] : state.bindings()) {
    for (const net::IpAddress address : binding.addresses.all()) {
      const PortAddress key{state.subnet(binding.subnet)->vni, address};
      REQUIRE(state.binding_at(key) == &binding);
      const auto there = view.held.find(key);
      if (there == view.held.end()) {
        hold(key, {Holder::How::bound, owner, "", false});
      } else {
        REQUIRE(there->second.owner == owner);
      }
    }
  }
  for (const auto& [key, extra] : state.extra_addresses()) {
    hold(key, {Holder::How::extra, {"", extra.namespace_, "", 0}, "", false});
  }
  for (const auto& [key, resting] : state.resting()) {
    view.resting[key] = {resting.last_owner, resting.until_ms};
  }
  for (const auto& [key, holder] : view.held) {
    REQUIRE(state.reservation_at(key) == nullptr);
  }
  view.blocks.insert(state.blocks().begin(), state.blocks().end());
  view.pools.insert(state.pools().begin(), state.pools().end());
  for (const auto& [name, pool] : view.pools) {
    for (const char* one : {"shop", "bank"}) {
      view.used[{name, one}] = state.used_by_namespace(name, one);
    }
  }
  return view;
}

// Every address of every pool, looked at one by one.
inline void check_counts(const State& state, const View& view) {
  for (const auto& [name, pool] : view.pools) {
    const Subnet& subnet = *state.subnet(pool.subnet);
    std::map<std::string, std::uint64_t> by_namespace;
    for (const net::Family family : {net::Family::v4, net::Family::v6}) {
      PoolUse counted;
      for (const net::IpRange& range : pool.ranges) {
        for (net::IpAddress address = range.first; address <= range.last; address = net::next(address)) {
          if (range.family() != family || pool.excludes(address) || !check_address_usable(subnet, address)) {
            continue;
          }
          const PortAddress key{subnet.vni, address};
          ++counted.size;
          if (const auto it = view.held.find(key); it != view.held.end()) {
            ++(it->second.how == Holder::How::port ? counted.allocated : counted.bound);
            by_namespace[it->second.owner.namespace_] += family == net::Family::v4 || !pool.has(net::Family::v4);
          } else if (state.reservation_at(key) != nullptr) {
            ++counted.reserved;
          } else if (view.resting.contains(key)) {
            ++counted.resting;
          } else {
            ++(state.block_at(key) != nullptr ? counted.leased : counted.free);
          }
        }
      }
      INFO("pool " << name << " " << to_string(family));
      REQUIRE(use_text(state.use(name, family)) == use_text(counted));
    }
    for (const std::string one : {"shop", "bank"}) {
      REQUIRE(state.used_by_namespace(name, one) == by_namespace[one]);
    }
  }
}

// The rests that are owed, and the state before.
class Judge {
 public:
  // `after` comes next, at that time; `by_quota`: new ports are those of an ADD.
  void check(const View& after, TimeMs now, bool by_quota) {
    now_ = now;
    by_quota_ = by_quota;
    std::set<PortAddress> keys;
    for (const View* view : {static_cast<const View*>(&before_), &after}) {
      for (const auto& [key, holder] : view->held) {
        keys.insert(key);
      }
    }
    std::erase_if(rests_, [&](const auto& one) { return one.second.until_ms <= now; });
    for (const PortAddress& key : keys) {
      const auto was = std::as_const(before_).held.find(key);
      const auto is = after.held.find(key);
      INFO(key.address.str());
      if (was != before_.held.end() && is != after.held.end()) {
        REQUIRE(was->second.owner == is->second.owner);
      } else if (was == before_.held.end()) {
        arrived(key, is->second, after);
      } else {
        left(key, was->second, after);
      }
      if (is == after.held.end()) {
        continue;
      }
      if (is->second.in_use) {
        used_[key] = ever_used_[key] = true;
        rests_.erase(key);
      } else if (is->second.how == Holder::How::port && was != before_.held.end() && was->second.in_use) {
        // Taken over: the address rests from now, unless the new pod comes into use.
        used_[key] = false;
        owe_rest(key, is->second.owner);
      } else if (is->second.how == Holder::How::port && after.resting.contains(key) && !before_.resting.contains(key)) {
        // Unbound while a new pod is on its way: what the binding's last pod is owed begins now.
        used_[key] = false;
        owe_rest(key, is->second.owner);
      }
    }
    for (const auto& [key, rest] : rests_) {
      if (!after.held.contains(key)) {
        INFO(key.address.str() << " is to rest until " << rest.until_ms << ", it is " << now_);
        REQUIRE(after.resting.contains(key));
        REQUIRE(after.resting.at(key).until_ms >= rest.until_ms);
        REQUIRE(after.resting.at(key).owner == rest.owner);
      }
    }
    for (const auto& [id, block] : after.blocks) {
      for (const auto& [other, theirs] : after.blocks) {
        REQUIRE((id == other || block.vni != theirs.vni || !block.range.overlaps(theirs.range)));
      }
      for (const auto& [key, rest] : rests_) {
        REQUIRE((before_.blocks.contains(id) || key.vni != block.vni || !block.range.contains(key.address)));
      }
    }
    before_ = after;
  }

  void forget_rests(const std::function<bool(PortAddress)>& over) {
    std::erase_if(rests_, [&](const auto& one) { return over(one.first); });
  }
  const View& before() const { return before_; }

 private:
  void arrived(PortAddress key, const Holder& holder, const View& after) {
    if (const auto rest = rests_.find(key); rest != rests_.end()) {
      REQUIRE(rest->second.owner == holder.owner);
    }
    used_[key] = ever_used_[key] = false;
    for (const auto& [id, block] : after.blocks) {
      const bool inside = block.vni == key.vni && block.range.contains(key.address);
      REQUIRE((!inside || block.node == holder.node));
    }
    if (holder.how != Holder::How::port || !by_quota_) {
      return;
    }
    for (const auto& [name, pool] : after.pools) {
      if (!pool.covers(key.address)) {
        continue;
      }
      const auto own = pool.quotas.find(holder.owner.namespace_);
      const auto quota = own != pool.quotas.end() ? std::optional(own->second) : pool.namespace_quota;
      REQUIRE((!quota || after.used.at({name, holder.owner.namespace_}) <= *quota));
      // Together or not at all.
      for (const Port& port : after.ports) {
        REQUIRE((port.owner != holder.owner || port.addresses.dual() == pool.has(net::Family::v6)));
      }
    }
  }

  void left(PortAddress key, const Holder& holder, const View& after) {
    const auto rest = after.resting.find(key);
    if (used_[key] && holder.how != Holder::How::extra) {
      owe_rest(key, holder.owner);
    } else if (holder.how != Holder::How::port) {
      if (rest != after.resting.end()) {
        rests_[key] = rest->second;
      }
    } else if (!ever_used_[key] && !rests_.contains(key) && rest != after.resting.end()) {
      // It was never in use: what rest there is was there before (and owed no more, like that of a shrunk pool).
      const auto earlier = std::as_const(before_).resting.find(key);
      REQUIRE(earlier != before_.resting.end());
      REQUIRE(rest->second.until_ms == earlier->second.until_ms);
    }
  }

  void owe_rest(PortAddress key, const BindingKey& to) {
    for (const auto& [name, pool] : before_.pools) {
      const bool inside = pool.subnet == (key.vni.value() == 100 ? "web" : "dual") && pool.covers(key.address);
      if (inside && !pool.excludes(key.address) && pool.cooldown_seconds != 0) {
        rests_[key] = {to, now_ + TimeMs{pool.cooldown_seconds} * 1000};
      }
    }
  }

  View before_;
  TimeMs now_ = 0;
  bool by_quota_ = false;
  std::map<PortAddress, Rest> rests_;  // owed to the last owner
  // By the one who holds it: since it came, and since its last takeover.
  std::map<PortAddress, bool> ever_used_, used_;
};

// What a reader of the changes holds is what a snapshot says.
class Reader {
 public:
  void read(const std::vector<ChangeSet>& published) {
    for (const ChangeSet& changes : published) {
      REQUIRE(changes.revision > last_);
      last_ = changes.revision;
      for (const Change& change : changes.changes) {
        REQUIRE(change.revision == changes.revision);
        if (change.deleted) {
          REQUIRE(directory_.erase(name_of(change)) == 1);
        } else {
          directory_[name_of(change)] = change.text;
        }
      }
    }
  }
  void compare(const State& state) const {
    std::map<std::string, std::string> snapshot;
    for (const auto shard : state.shards()) {
      for (const Change& entry : state.snapshot(shard)) {
        snapshot[name_of(entry)] = entry.text;
      }
    }
    REQUIRE(snapshot == directory_);
  }

 private:
  static std::string name_of(const Change& entry) {
    return fmt::format("{} {} {}", entry.shard, entry.kind, entry.key);
  }
  std::map<std::string, std::string> directory_;  // shard, kind and key -> entry
  Revision last_ = 0;
};

}  // namespace mooring::controller::fakes
