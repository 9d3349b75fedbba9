// Networks, subnets and pools are made and unmade.
#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/validate.hpp"

namespace mooring::controller {
namespace {

template <class T>
Result<void> erase_unused(Transaction& tx, const T* there, std::string_view kind, const std::string& name) {
  const std::string doing = fmt::format("deleting {} {}", kind, name);
  if (there == nullptr) {
    return Error(Errc::not_found, fmt::format("{}: there is no such {}", doing, kind),
                 fmt::format("mooringctl get {}s", kind));
  }
  if (auto unused = check_unused(tx.state(), *there); !unused) {
    return unused.error().within(doing);
  }
  tx.erase(T(*there));
  return ok();
}

Result<Pool> pool_from(const State& state, const NewPool& wanted) {
  auto ranges = normalised("ranges", wanted.ranges);
  if (!ranges) {
    return ranges.error();
  }
  auto exclusions = normalised("exclusions", wanted.exclusions);
  if (!exclusions) {
    return exclusions.error();
  }
  Pool pool{wanted.name, wanted.subnet, std::move(*ranges), std::move(*exclusions), wanted.kind, wanted.is_default, 0};
  const Subnet* subnet = state.subnet(wanted.subnet);
  if (pool.ranges.empty() && subnet != nullptr) {
    pool.ranges = usable_ranges(*subnet);
  }
  if (auto fits = check_new(state, pool); !fits) {
    return fits.error();
  }
  return pool;
}

}  // namespace

Result<Network> create_network(Transaction& tx, const Network& wanted) {
  if (auto fits = check_new(tx.state(), wanted); !fits) {
    return fits.error().within(fmt::format("creating network {}", wanted.name));
  }
  tx.put(wanted);
  return *tx.state().network(wanted.name);
}

Result<Subnet> create_subnet(Transaction& tx, const NewSubnet& wanted) {
  Subnet subnet;
  subnet.name = wanted.name;
  subnet.network = wanted.network;
  subnet.vni = wanted.vni;
  subnet.cidr = wanted.cidr;
  subnet.gateway = wanted.gateway ? *wanted.gateway : net::Ipv4Address(wanted.cidr.first().bits() + 1);
  subnet.mtu_bytes = wanted.mtu_bytes;
  subnet.dns = wanted.dns;
  subnet.routes = wanted.routes;
  if (auto fits = check_new(tx.state(), subnet); !fits) {
    return fits.error().within(fmt::format("creating subnet {}", wanted.name));
  }
  tx.put(std::move(subnet));
  return *tx.state().subnet(wanted.name);
}

Result<Pool> create_pool(Transaction& tx, const NewPool& wanted) {
  auto pool = pool_from(tx.state(), wanted);
  if (!pool) {
    return pool.error().within(fmt::format("creating pool {}", wanted.name));
  }
  const Pool* usual = tx.state().default_pool(tx.state().subnet(pool->subnet)->network);
  if (usual == nullptr) {
    pool->is_default = true;
  } else if (pool->is_default) {
    Pool former = *usual;
    former.is_default = false;
    tx.put(std::move(former));
  }
  tx.put(std::move(*pool));
  return *tx.state().pool(wanted.name);
}

Result<void> delete_network(Transaction& tx, const std::string& name) {
  return erase_unused(tx, tx.state().network(name), "network", name);
}

Result<void> delete_subnet(Transaction& tx, const std::string& name) {
  return erase_unused(tx, tx.state().subnet(name), "subnet", name);
}

Result<void> delete_pool(Transaction& tx, const std::string& name) {
  return erase_unused(tx, tx.state().pool(name), "pool", name);
}

}  // namespace mooring::controller
