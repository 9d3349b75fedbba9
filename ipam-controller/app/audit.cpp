#include "ipam-controller/app/audit.hpp"

#include <type_traits>

namespace mooring::controller {
namespace {

template <class T>
bool differs(const T& before, T after) {
  after.revision = before.revision;
  if constexpr (std::is_same_v<T, Port>) {
    after.state = before.state;
  }
  if constexpr (std::is_same_v<T, Vip>) {
    after.backends = before.backends;  // as the nodes find them
  }
  return !(after == before);
}

// `before` and `after` are of the same kind, either may be an Erase.
struct IsRecorded {
  const Write& before;

  template <class T>
  bool operator()(const T& after) const {
    const T* was = std::get_if<T>(&before);
    return was == nullptr || differs(*was, after);
  }
  template <class T>
  bool operator()(const Erase<T>&) const {
    return std::holds_alternative<T>(before);
  }
  bool operator()(const Resting&) const { return false; }
  bool operator()(const Erase<Resting>&) const { return false; }
  bool operator()(const ListedBlock&) const { return false; }  // follows from lists
  bool operator()(const Erase<ListedBlock>&) const { return false; }
  bool operator()(const FencedUid&) const { return false; }
  bool operator()(const Erase<FencedUid>&) const { return false; }
};

}  // namespace

bool is_recorded(const Write& before, const Write& after) {
  return std::visit(IsRecorded{before}, after);
}

}  // namespace mooring::controller
