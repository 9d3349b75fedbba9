// What callers ask for, before the controller has chosen what was left open (docs/api/rest.md, "Objects").
// Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

struct NewBinding {
  BindingKey owner;                    // owner.network: "default" unless said
  std::string pool;                    // "": the pool around the address, or the network's default
  net::AddressPair addresses;          // a family of the pool that is left out: the next free one
  std::optional<net::MacAddress> mac;  // none: from the address
  Kind kind = Kind::fixed_by_admin;
  std::optional<Retention> retention;  // none: Never
  std::string workload;
  Labels labels;
  std::string note;
  Origin origin = Origin::admin;
};

// What may change of a binding that is there.
struct BindingChange {
  std::optional<Kind> kind;  // static, stateful
  std::optional<Retention> retention;
  std::optional<std::string> workload;
  std::optional<Labels> labels;
  std::optional<std::string> note;
};

// The object as it is now, and what became of it.
template <class T>
struct Stored {
  T object;
  bool created = false;
  bool changed = false;  // false: it was so already
};

// POST /v1/blocks:lease.
struct LeaseRequest {
  std::string node;
  std::string pool;
  net::Family family = net::Family::v4;
  std::uint32_t count = 16;  // addresses; rounded up to a power of two
  std::uint32_t use_seconds = 0;
};

// POST /v1/extra-addresses:move.
struct MoveRequest {
  std::string network;
  net::IpAddress address;
  std::optional<BindingKey> to;  // none: nobody holds it any more
};

}  // namespace mooring::controller
