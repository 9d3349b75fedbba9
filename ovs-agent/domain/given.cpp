#include "ovs-agent/domain/given.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "mooring/net/default_mac.hpp"

namespace mooring::agent {
namespace {

using ipam_api::AllocateRequest;
using ipam_api::Allocation;
using ipam_api::Wishes;

// What Kubernetes makes names of.
bool is_generated(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::string_view("bcdfghjklmnpqrstvwxz2456789").find(c) != std::string::npos;
  });
}

// What it wishes for of the pod, else of the configuration; one field, as the controller takes it.
const Wishes& place_wished(const AllocateRequest& request) {
  const Wishes& own = request.wishes;
  return own.network.empty() && own.subnet.empty() && own.pools.empty() ? request.configured : own;
}

bool fits(const Wishes& wished, const directory::Block& block, const directory::Subnet& subnet) {
  const std::string network = wished.network.empty() ? "default" : wished.network;
  const bool pool_fits =
      wished.pools.empty() || std::find(wished.pools.begin(), wished.pools.end(), block.pool) != wished.pools.end();
  return pool_fits && (wished.subnet.empty() || wished.subnet == subnet.name) &&
         (subnet.network == network || (wished.network.empty() && (!wished.pools.empty() || !wished.subnet.empty())));
}

const directory::Subnet* subnet_of(const directory::Directory& directory, net::Vni vni, net::Family family) {
  for (const auto& [name, subnet] : directory.subnets(family)) {
    if (subnet.vni == vni) {
      return &subnet;
    }
  }
  return nullptr;
}

// All but pool, kind and MAC.
Result<Allocation> with_subnet(const AllocateRequest& request, net::Vni vni, const net::AddressPair& addresses,
                               const directory::Directory& directory) {
  Allocation allocation;
  allocation.port_id = "given-by-node";  // the controller has yet to make it a port
  allocation.namespace_ = request.namespace_;
  allocation.hostname = request.hostname;
  allocation.vni = vni;
  for (const net::IpAddress address : addresses.all()) {
    const directory::Subnet* subnet = subnet_of(directory, vni, address.family());
    if (subnet == nullptr) {
      return Error(Errc::not_found,
                   fmt::format("the subnet of {} (VNI {}) is not known here", address.str(), vni.value()));
    }
    const int length = subnet->cidr.prefix_length();
    if (address.is_v4()) {
      allocation.address = {address.v4(), length};
      allocation.gateway = subnet->gateway.v4();
    } else {
      allocation.address6 = net::IpInterfaceAddress{address, length};
      allocation.gateway6 = subnet->gateway;
    }
    allocation.network = subnet->network;
    allocation.subnet = subnet->name;
    allocation.mtu_bytes = subnet->mtu_bytes;
    allocation.mtu_from_underlay = subnet->mtu_from_underlay;
    allocation.dns = subnet->dns;
    allocation.routes = subnet->routes;
  }
  return allocation;
}

// The first that is free behind `after`, else the first one.
std::optional<net::IpAddress> next_free(const directory::Block& block, const BlockUse& use, PortKey after) {
  const bool inside = after.vni == block.vni && block.range.contains(after.address);
  const net::IpAddress start =
      inside && after.address != block.range.last ? net::next(after.address) : block.range.first;
  net::IpAddress address = start;
  do {
    if (!use.taken({block.vni, address})) {
      return address;
    }
    address = address == block.range.last ? block.range.first : net::next(address);
  } while (address != start);
  return std::nullopt;
}

bool pool_has(const directory::Directory& directory, const std::string& pool, net::Family family) {
  return directory.pools(family).contains(pool);
}

struct Choice {
  net::AddressPair addresses;
  Generation generation = 0;
};

// One of each family of the pool of `first`, which gives its family's.
std::optional<Choice> choose(const directory::Block& first, const directory::Directory& directory, const BlockUse& use,
                             PortKey after) {
  Choice choice;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (!pool_has(directory, first.pool, family)) {
      continue;
    }
    for (const auto& [key, block] : directory.blocks()) {
      if (!directory.own(block) || block.pool != first.pool || block.range.family() != family || !use.may_use(block) ||
          choice.addresses.of(family)) {
        continue;
      }
      if (const auto address = next_free(block, use, after)) {
        choice.addresses.set(*address);
        choice.generation = std::max(choice.generation, block.generation);
      }
    }
    if (!choice.addresses.of(family)) {
      return std::nullopt;
    }
  }
  return choice.addresses.empty() ? std::nullopt : std::optional(choice);
}

}  // namespace

bool is_of_deployment(std::string_view hostname) {
  const auto last = hostname.rfind('-');
  if (last == std::string_view::npos || last == 0) {
    return false;
  }
  const auto pod = hostname.substr(last + 1);
  const auto before = hostname.rfind('-', last - 1);
  if (before == std::string_view::npos || before == 0) {
    return false;
  }
  const auto revision = hostname.substr(before + 1, last - before - 1);
  return pod.size() == 5 && revision.size() >= 8 && revision.size() <= 10 && is_generated(pod) &&
         is_generated(revision);
}

std::string why_not_from_block(const AllocateRequest& request) {
  const Wishes& own = request.wishes;
  if (!own.addresses.empty() || own.mac) {
    return "it wishes for an address or a MAC of its own";
  }
  const auto kind = own.kind ? own.kind : request.configured.kind;
  if (kind && *kind != ipam_api::Kind::stateless) {
    return fmt::format("it is {}", to_string(*kind));
  }
  if (!kind && !is_of_deployment(request.hostname)) {
    return "it does not say that it is stateless, and may have an address of its own (annotation mooring.io/kind)";
  }
  return "";
}

Result<Allocation> allocation_from_block(const AllocateRequest& request, const directory::Directory& directory,
                                         const BlockUse& use, PortKey after) {
  if (const std::string why = why_not_from_block(request); !why.empty()) {
    return Error(Errc::permission_denied, why);
  }
  std::size_t usable = 0;
  for (const auto& [key, block] : directory.blocks()) {
    const directory::Subnet* subnet = subnet_of(directory, block.vni, block.range.family());
    if (!directory.own(block) || !use.may_use(block) || subnet == nullptr ||
        !fits(place_wished(request), block, *subnet)) {
      continue;
    }
    ++usable;
    const auto choice = choose(block, directory, use, after);
    if (!choice) {
      continue;
    }
    auto allocation = with_subnet(request, block.vni, choice->addresses, directory);
    if (!allocation) {
      return allocation;
    }
    allocation->pool = block.pool;
    allocation->kind = ipam_api::Kind::stateless;
    allocation->mac = net::default_mac(choice->addresses);
    allocation->generation = choice->generation;
    return allocation;
  }
  return usable == 0
             ? Error(Errc::not_found, "the node has no block of addresses that fits it")
             : Error(Errc::exhausted, fmt::format("of the node's {} blocks that fit it no address is free", usable));
}

Result<Allocation> allocation_passed_on(const AllocateRequest& request, const PortRecord& former,
                                        const directory::Directory& directory) {
  net::AddressPair addresses;
  for (const auto& address : former.addresses) {
    addresses.set(address.address);
  }
  const Wishes& own = request.wishes;
  const auto wished = own.addresses.all();
  const bool same = std::all_of(wished.begin(), wished.end(), [&](const auto& one) { return addresses.contains(one); });
  if (!same || (own.mac && *own.mac != former.mac) || (!own.network.empty() && own.network != former.network)) {
    return Error(Errc::conflict, fmt::format("it had {}, and wishes for another address now", former.addresses_text()));
  }
  auto allocation = with_subnet(request, former.vni, addresses, directory);
  if (!allocation) {
    return allocation;
  }
  allocation->kind = own.kind.value_or(request.configured.kind.value_or(ipam_api::Kind::stateless));
  allocation->mac = former.mac;
  allocation->generation = former.generation;
  return allocation;
}

ipam_api::GivenReport report_of(const AllocateRequest& request, const Allocation& allocation,
                                const std::optional<Attachment>& in_place_of) {
  ipam_api::GivenReport report;
  report.request = request;
  report.vni = allocation.vni;
  if (allocation.has_v4()) {
    report.addresses.set(allocation.address.address);
  }
  if (allocation.address6) {
    report.addresses.set(allocation.address6->address);
  }
  report.mac = allocation.mac;
  report.in_place_of = in_place_of;
  report.generation = allocation.generation;
  return report;
}

std::optional<ipam_api::GivenReport> report_in(const GivenHere& given) {
  const auto json = ipam_api::parse_json("journal", given.report);
  const auto report = json ? ipam_api::given_report_from(*json) : Result<ipam_api::GivenReport>(json.error());
  return report ? std::optional(*report) : std::nullopt;
}

bool passed_on_from(const JournalState& journal, const Attachment& former) {
  return std::any_of(journal.given.begin(), journal.given.end(), [&](const auto& item) {
    const auto report = report_in(item.second);
    return report && report->in_place_of == former;
  });
}

PortRecord former_port(const ipam_api::GivenReport& report, const directory::Directory& directory) {
  PortRecord record;
  record.attachment = report.in_place_of.value_or(report.request.attachment);
  record.pod = report.request.namespace_ + "/" + report.request.hostname;
  record.uid = report.request.pod_uid;
  record.vni = report.vni;
  record.mac = report.mac;
  record.generation = report.generation;
  record.network = directory.network_of(report.vni);
  for (const net::IpAddress address : report.addresses.all()) {
    const directory::Subnet* subnet = subnet_of(directory, report.vni, address.family());
    const int whole = address.is_v4() ? 32 : 128;
    record.addresses.push_back({address, subnet == nullptr ? whole : subnet->cidr.prefix_length()});
  }
  return record;
}

}  // namespace mooring::agent
