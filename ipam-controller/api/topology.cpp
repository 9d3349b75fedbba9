// /v1/networks, /v1/subnets, /v1/pools, /v1/reservations
#include "ipam-controller/api/objects.hpp"

namespace mooring::controller {
namespace {

struct Networks : NamedKind<Network> {
  static constexpr std::string_view collection = "networks";
  static std::vector<std::string_view> filters() { return {}; }
  static Result<Network> read(const Json& json) { return network_from(json); }
  static const Network* find(const State& state, const std::string& name) { return state.network(name); }
  static std::vector<const Network*> all(const State& state) { return pointers_to(state.networks()); }
  static bool fits(const State&, const Network&, const Filters&) { return true; }
  static Json view(const State&, const Network& network) { return to_json(network); }
};

struct Subnets : NamedKind<Subnet> {
  static constexpr std::string_view collection = "subnets";
  static std::vector<std::string_view> filters() { return {"network"}; }
  static Result<Subnet> read(const Json& json) { return subnet_from(json); }
  static const Subnet* find(const State& state, const std::string& name) { return state.subnet(name); }
  static std::vector<const Subnet*> all(const State& state) { return pointers_to(state.subnets()); }
  static bool fits(const State&, const Subnet& subnet, const Filters& filters) {
    return filters.network_fits(subnet.network);
  }
  static Json view(const State&, const Subnet& subnet) { return to_json(subnet); }
};

bool subnet_fits(const State& state, const std::string& name, const Filters& filters) {
  const Subnet* subnet = state.subnet(name);
  return subnet != nullptr && filters.network_fits(subnet->network) && filters.subnet_fits(name);
}

struct Pools : NamedKind<Pool> {
  static constexpr std::string_view collection = "pools";
  static std::vector<std::string_view> filters() { return {"network", "subnet"}; }
  static Result<Pool> read(const Json& json) { return pool_from(json); }
  static const Pool* find(const State& state, const std::string& name) { return state.pool(name); }
  static std::vector<const Pool*> all(const State& state) { return pointers_to(state.pools()); }
  static bool fits(const State& state, const Pool& pool, const Filters& filters) {
    return subnet_fits(state, pool.subnet, filters);
  }
  static Json view(const State& state, const Pool& pool) { return view_of(pool, state); }
};

struct Reservations : NamedKind<Reservation> {
  static constexpr std::string_view collection = "reservations";
  static std::vector<std::string_view> filters() { return {"network", "subnet"}; }
  static Result<Reservation> read(const Json& json) { return reservation_from(json); }
  static const Reservation* find(const State& state, const std::string& name) { return state.reservation(name); }
  static std::vector<const Reservation*> all(const State& state) { return pointers_to(state.reservations()); }
  static bool fits(const State& state, const Reservation& reservation, const Filters& filters) {
    return subnet_fits(state, reservation.subnet, filters);
  }
  static Json view(const State&, const Reservation& reservation) { return to_json(reservation); }
};

constexpr Route routes[] = {MOORING_OBJECT_ROUTES("networks", Networks), MOORING_OBJECT_ROUTES("subnets", Subnets),
                            MOORING_OBJECT_ROUTES("pools", Pools), MOORING_OBJECT_ROUTES("reservations", Reservations)};

}  // namespace

std::span<const Route> topology_routes() {
  return routes;
}

}  // namespace mooring::controller
