// What an admin asks for, before the controller has chosen what was left open (docs/api/rest.md, "Objects").
// Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

struct NewSubnet {
  std::string name;
  std::string network = default_network;
  net::Vni vni;
  net::Cidr cidr;
  std::optional<net::Ipv4Address> gateway;  // none: the first address
  std::uint32_t mtu_bytes = 1450;
  ipam_api::Dns dns;
  std::vector<ipam_api::Route> routes;
};
struct NewPool {
  std::string name;
  std::string subnet;
  std::vector<net::AddressRange> ranges;  // none: the whole subnet
  std::vector<net::AddressRange> exclusions;
  Kind kind = Kind::stateless;
  bool is_default = false;  // the first pool of a network becomes the default anyway
};
struct NewBinding {
  BindingKey owner;                         // owner.network: "default" unless said
  std::string pool;                         // "": the pool around the address, or the network's default
  std::optional<net::Ipv4Address> address;  // none: the next free of the pool
  std::optional<net::MacAddress> mac;       // none: from the address
  Kind kind = Kind::fixed_by_admin;
};

}  // namespace mooring::controller
