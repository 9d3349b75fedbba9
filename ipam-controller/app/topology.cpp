// Networks, subnets, pools, reservations, rules, webhooks, lists, access rules and extra addresses are made, changed
// and unmade.
#include <type_traits>

#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/object_json.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

const Network* find(const State& state, const Network& o) {
  return state.network(o.name);
}
const Subnet* find(const State& state, const Subnet& o) {
  return state.subnet(o.name);
}
const Pool* find(const State& state, const Pool& o) {
  return state.pool(o.name);
}
const Reservation* find(const State& state, const Reservation& o) {
  return state.reservation(o.name);
}
const Rule* find(const State& state, const Rule& o) {
  return state.rule(o.name);
}
const Vip* find(const State& state, const Vip& o) {
  return state.vip(o.name);
}
const Webhook* find(const State& state, const Webhook& o) {
  return state.webhook(o.name);
}
const AddressList* find(const State& state, const AddressList& o) {
  return state.list(o.name);
}
const AccessRule* find(const State& state, const AccessRule& o) {
  return state.access_rule(o.name);
}
const ExtraAddress* find(const State& state, const ExtraAddress& o) {
  return state.extra_address(o.key());
}

template <class T>
T keyed(const std::string& name) {
  T object;
  object.name = name;
  return object;
}
template <class T>
T keyed(const PortAddress& address) {
  T object;
  object.vni = address.vni;
  object.address = address.address;
  return object;
}

// One pool of a network is its default. The first new one that is for everybody is it without being told.
void settle_default(Transaction& tx, Pool& pool, const Pool* there) {
  const Pool* usual = tx.state().default_pool(tx.state().subnet(pool.subnet)->network);
  if (usual == nullptr) {
    const bool for_everybody = pool.kind != Kind::fixed_by_admin && pool.selector.empty();
    pool.is_default = pool.is_default || (there == nullptr && for_everybody);
  } else if (usual->name == pool.name) {
    pool.is_default = true;
  } else if (pool.is_default) {
    Pool former = *usual;
    former.is_default = false;
    tx.put(std::move(former));
  }
}

template <class Matches>
void erase_resting(Transaction& tx, const Matches& matches) {
  std::vector<Resting> found;
  for (const auto& [key, resting] : tx.state().resting()) {
    if (matches(key)) {
      found.push_back(resting);
    }
  }
  for (Resting& resting : found) {
    tx.erase(std::move(resting));
  }
}

// What has to happen beside writing the object.
template <class T>
void prepare(Transaction&, T&, const T*) {}
void prepare(Transaction& tx, Pool& pool, const Pool* there) {
  settle_default(tx, pool, there);
}
void prepare(Transaction& tx, Reservation& reservation, const Reservation*) {
  // Nobody waits any more for what rests inside.
  const net::Vni vni = tx.state().subnet(reservation.subnet)->vni;
  erase_resting(tx, [&](PortAddress key) { return key.vni == vni && reservation.range.contains(key.address); });
}
void prepare(Transaction& tx, Subnet& subnet, const Subnet* there) {
  if (there != nullptr && (there->vni != subnet.vni || there->blocks != subnet.blocks)) {
    erase_resting(tx, [&](PortAddress key) { return key.vni == there->vni && !subnet.contains(key.address); });
  }
}
// What the controller knows of it by itself stays.
void prepare(Transaction& tx, Vip& vip, const Vip* there) {
  vip.number = there != nullptr ? there->number : free_vip_number(tx.state());
  vip.backends = there != nullptr ? there->backends : std::vector<VipBackend>();
}
void prepare(Transaction&, Webhook& webhook, const Webhook* there) {
  if (there != nullptr && webhook.secret.empty()) {
    webhook.secret = there->secret;  // it is never shown, so it does not come back with a change
  }
}

template <class T>
Result<Stored<T>> write(Transaction& tx, const T& asked, bool must_be_new) {
  const std::string what = fmt::format("{} {}", kind_name<T>(), key_text(asked.key()));
  auto wanted = completed(tx.state(), asked);
  if (!wanted) {
    return wanted.error().within("writing " + what);
  }
  const T* there = find(tx.state(), *wanted);
  if (there != nullptr && must_be_new) {
    return Error(Errc::already_exists, fmt::format("creating {}: {} exists", what, what),
                 fmt::format("look at it: mooringctl describe {} {}", kind_name<T>(), key_text(asked.key())));
  }
  const std::string doing = fmt::format("{} {}", there == nullptr ? "creating" : "changing", what);
  if (there == nullptr && tx.caller().if_match) {
    return Error(Errc::not_found, doing + ": it is gone", "create it without If-Match");
  }
  if (there != nullptr) {
    if (auto match = check_match(tx, there->revision, what); !match) {
      return match.error();
    }
  }
  if (auto fits = check(tx.state(), *wanted, there); !fits) {
    return fits.error().within(doing);
  }
  const bool created = there == nullptr;
  prepare(tx, *wanted, there);
  there = find(tx.state(), *wanted);
  if (there != nullptr) {
    wanted->revision = there->revision;
    if (*wanted == *there) {
      return Stored<T>{*there, false, false};
    }
  }
  tx.put(*wanted);
  if constexpr (std::is_same_v<T, ExtraAddress>) {
    if (wanted->holder) {
      publish_extra_address(tx, wanted->key());
    }
  }
  return Stored<T>{*find(tx.state(), *wanted), created, true};
}

template <class T>
void after_removal(Transaction&, const T&) {}
void after_removal(Transaction& tx, const Subnet& subnet) {
  erase_resting(tx, [&](PortAddress key) { return key.vni == subnet.vni; });
}
void after_removal(Transaction& tx, const ExtraAddress& extra) {
  if (extra.holder) {
    const auto holder = tx.state().port_of(*extra.holder);
    for (Change& entry : entries_of(extra, holder.get())) {
      tx.publish_entry(tombstone_of(std::move(entry), tx.revision()));
    }
    put_to_rest(tx, extra.vni, extra.address, *extra.holder);
  }
}

}  // namespace

Result<void> check_match(const Transaction& tx, Revision revision, const std::string& what) {
  const auto& expected = tx.caller().if_match;
  if (!expected || *expected == revision) {
    return ok();
  }
  return Error(Errc::changed_meanwhile,
               fmt::format("{} is at revision {}, and If-Match says {}", what, revision, *expected),
               "somebody changed it: read it again, and repeat the change on what it is now");
}

template <class T>
Result<T> create(Transaction& tx, const T& wanted) {
  auto stored = write(tx, wanted, true);
  return stored ? Result<T>(std::move(stored->object)) : Result<T>(stored.error());
}

template <class T>
Result<Stored<T>> put(Transaction& tx, const T& wanted) {
  return write(tx, wanted, false);
}

template <class T>
Result<void> remove(Transaction& tx, const typename T::Key& key) {
  const std::string what = fmt::format("{} {}", kind_name<T>(), key_text(key));
  const T* there = find(tx.state(), keyed<T>(key));
  if (there == nullptr) {
    return Error(Errc::not_found, fmt::format("deleting {}: there is no such {}", what, kind_name<T>()),
                 fmt::format("mooringctl get {}{}", kind_name<T>(), kind_name<T>() == "extra-address" ? "es" : "s"));
  }
  if (auto match = check_match(tx, there->revision, what); !match) {
    return match;
  }
  if (auto unused = check_unused(tx.state(), *there); !unused) {
    return unused.error().within("deleting " + what);
  }
  T gone = *there;
  tx.erase(gone);
  after_removal(tx, gone);
  return ok();
}

#define MOORING_WRITABLE(T)                                  \
  template Result<T> create<T>(Transaction&, const T&);      \
  template Result<Stored<T>> put<T>(Transaction&, const T&); \
  template Result<void> remove<T>(Transaction&, const T::Key&);
MOORING_WRITABLE(Network)
MOORING_WRITABLE(Subnet)
MOORING_WRITABLE(Pool)
MOORING_WRITABLE(Reservation)
MOORING_WRITABLE(Rule)
MOORING_WRITABLE(Vip)
MOORING_WRITABLE(Webhook)
MOORING_WRITABLE(AddressList)
MOORING_WRITABLE(AccessRule)
MOORING_WRITABLE(ExtraAddress)
#undef MOORING_WRITABLE

}  // namespace mooring::controller
