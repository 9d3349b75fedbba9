// Whose addresses are on a list, and what a list must be like. The words are those of docs/howto/feeds.md.
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

inline constexpr std::size_t max_lists = 1000;

// Does it select pods at all? One without does not: all of a network are selected by the hostname `*`.
inline bool selects_pods(const AddressList& list) {
  return !list.selector.empty();
}

// By namespace and hostname alone; labels are not looked at.
bool may_select(const AddressList& list, std::string_view namespace_, std::string_view hostname);

// Who an address belongs to that is on the list because of its pod.
struct ListedPod {
  BindingKey owner;
  bool live = false;  // a port has it; false: it is kept for a pod that is away
};
// The pod that has or keeps the address (its port's, its binding's, or an extra address that it holds), if the list
// selects it by its port or by its binding.
std::optional<ListedPod> listed_pod(const AddressList& list, const State& state, PortAddress address);
// The same without saying who, and cheaper.
bool is_listed(const AddressList& list, const State& state, PortAddress address);

}  // namespace mooring::controller
