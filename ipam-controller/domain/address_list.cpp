#include "ipam-controller/domain/address_list.hpp"

#include <algorithm>

#include "ipam-controller/domain/patterns.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"
#include "mooring/net/cover.hpp"

namespace mooring::controller {
namespace {

bool has_labels(const Labels& labels, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto it = labels.find(label.first);
    return it != labels.end() && it->second == label.second;
  });
}

bool selects_owner(const AddressList& list, const BindingKey& owner) {
  return owner.network == list.network && may_select(list, owner.namespace_, owner.hostname);
}

// By the port that has the address.
bool port_fits(const AddressList& list, const State& state, const PackedPort& port) {
  const NameTable& names = state.ports().names();
  if (names.text(port.network()) != list.network ||
      !may_select(list, names.text(port.namespace_id()), port.hostname())) {
    return false;
  }
  return list.selector.labels.empty() || has_labels(state.ports().unpack(port).labels, list.selector.labels);
}

bool binding_fits(const AddressList& list, const Binding& binding) {
  return selects_owner(list, binding.owner) && has_labels(binding.labels, list.selector.labels);
}

// Of an extra address: by any port or binding that its holder has.
bool holder_fits(const AddressList& list, const State& state, const BindingKey& holder) {
  if (!selects_owner(list, holder)) {
    return false;
  }
  const Binding* binding = state.binding(holder);
  if (list.selector.labels.empty() || (binding != nullptr && has_labels(binding->labels, list.selector.labels))) {
    return true;
  }
  const Found<Port> port = state.port_of(holder);
  return port && has_labels(port->labels, list.selector.labels);
}

}  // namespace

bool may_select(const AddressList& list, std::string_view namespace_, std::string_view hostname) {
  const Selector& selector = list.selector;
  return selects_pods(list) && (selector.namespaces.empty() || fits_one(selector.namespaces, namespace_)) &&
         (selector.hostnames.empty() || fits_one(selector.hostnames, hostname));
}

bool is_listed(const AddressList& list, const State& state, PortAddress address) {
  const PackedPort* port = state.ports().packed(address);
  if (port != nullptr && port_fits(list, state, *port)) {
    return true;
  }
  const Binding* binding = state.binding_at(address);
  if (binding != nullptr && binding_fits(list, *binding)) {
    return true;
  }
  const ExtraAddress* extra = state.extra_address(address);
  return extra != nullptr && extra->holder && holder_fits(list, state, *extra->holder);
}

std::optional<ListedPod> listed_pod(const AddressList& list, const State& state, PortAddress address) {
  if (!is_listed(list, state, address)) {
    return std::nullopt;
  }
  if (const PackedPort* port = state.ports().packed(address)) {
    return ListedPod{port->owner(state.ports().names()), true};
  }
  if (const Binding* binding = state.binding_at(address)) {
    return ListedPod{binding->owner, false};
  }
  const ExtraAddress* extra = state.extra_address(address);
  return ListedPod{*extra->holder, bool(state.port_of(*extra->holder))};
}

Result<AddressList> completed(const State&, AddressList wanted) {
  wanted.addresses = net::joined(std::move(wanted.addresses));
  return wanted;
}

Result<void> check(const State& state, const AddressList& wanted, const AddressList* there) {
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  if (there == nullptr && state.lists().size() >= max_lists) {
    return Error(Errc::conflict, fmt::format("there are {} lists already", max_lists),
                 "a list can select with many patterns: mooringctl edit list NAME");
  }
  if (state.network(wanted.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("network: there is no network {}", wanted.network),
                 fmt::format("mooringctl create network {}", wanted.network));
  }
  const Selector& selector = wanted.selector;
  for (const auto& [field, patterns] : {std::pair{"nodes", &selector.nodes}, std::pair{"zones", &selector.zones}}) {
    if (!patterns->empty()) {
      return invalid(
          fmt::format("selector.{}: '{}': a list keeps the addresses of pods that are away, and those are on "
                      "no node",
                      field, patterns->front()),
          "select by namespaces, hostnames and labels");
    }
  }
  if (selector.empty() && wanted.addresses.empty()) {
    return invalid(
        "selector: it selects nothing, and there are no addresses",
        "give namespaces, hostnames or labels (the hostname * selects all pods of the network), or addresses");
  }
  return ok();
}

}  // namespace mooring::controller
