#include "ovs-agent/domain/miss.hpp"

#include "ovs-agent/domain/gate.hpp"

namespace mooring::agent {

std::optional<Way> way_to(PortKey key, const directory::Directory& directory, const LocalPorts& ports,
                          net::Ipv4Address own_vtep) {
  const auto entry = directory.find(key);
  const directory::Block* block = entry ? nullptr : directory.block_at(key);
  if (entry ? entry->own : block == nullptr || directory.own(*block)) {
    return std::nullopt;
  }
  // Our own port of that address may be newer than what the directory has heard.
  for (const LocalPort* port : ports.at(key)) {
    if (gate_of(*port, directory).open) {
      return std::nullopt;
    }
  }
  const auto vtep = directory.vtep_of(entry ? entry->node : std::string_view(block->node));
  return vtep && *vtep != own_vtep ? std::optional(Way{*vtep, entry ? entry->generation : block->generation})
                                   : std::nullopt;
}

bool beyond_gateways(PortKey key, const directory::Directory& directory, const LocalPorts& ports) {
  if (directory.find(key) || directory.block_at(key) != nullptr || !ports.at(key).empty()) {
    return false;
  }
  for (const auto& [name, subnet] : directory.subnets(key.address.family())) {
    if (subnet.vni == key.vni && subnet.bridged_vlan && subnet.cidr.contains(key.address)) {
      const bool broadcast = key.address.is_v4() && key.address == subnet.cidr.last();
      const bool nobody = broadcast || key.address == subnet.cidr.first() || key.address == subnet.gateway;
      return !nobody && !directory.gateways_of(subnet.network).empty();
    }
  }
  return false;
}

std::optional<Refusal> refusal_of(const Miss& miss, const directory::Directory& directory, const LocalPorts& ports) {
  if (!directory.complete() || beyond_gateways(miss.key(), directory, ports)) {
    return std::nullopt;
  }
  const std::string network(directory.network_of(miss.vni));
  if (network.empty() || directory.locate(network, miss.destination).what != directory::Place::What::pool_range) {
    return std::nullopt;
  }
  for (const LocalPort* port : ports.at(miss.source)) {
    if (port->record.network != network || !gate_of(*port, directory).open) {
      continue;
    }
    for (const auto& [name, subnet] : directory.subnets(miss.source.family())) {
      if (subnet.vni == port->record.vni) {
        return Refusal{subnet.vni, subnet.gateway};
      }
    }
  }
  return std::nullopt;
}

std::vector<ovs::Meter> miss_meters(std::uint32_t ofport, std::uint32_t relay_packets_per_second) {
  const auto packets = [](std::uint32_t id, std::uint32_t rate) {
    ovs::Meter meter;
    meter.id = id;
    meter.unit = ovs::Meter::Unit::pktps;
    meter.rate = rate;
    meter.burst = rate;  // a second's
    return meter;
  };
  return {packets(relay_meter(ofport), relay_packets_per_second), packets(told_meter(ofport), told_packets_per_second)};
}

bool RefusalPace::due(const Miss& miss, Time now) {
  const PortKey key{miss.vni, miss.source};
  auto found = senders_.find(key);
  if (found == senders_.end()) {
    if (senders_.size() >= most_senders) {
      std::erase_if(senders_, [&](const auto& item) { return now - item.second.seen > memory; });
    }
    if (senders_.size() < most_senders) {
      senders_.emplace(key, Sender{miss.destination, now, now, std::nullopt});
    }
    return false;
  }
  Sender& sender = found->second;
  if (sender.destination != miss.destination) {
    if (now - sender.seen > memory || (sender.told && now - *sender.told > patience)) {
      sender = Sender{miss.destination, now, now, std::nullopt};
    }
    return false;
  }
  if (now - sender.seen > memory) {
    sender = Sender{miss.destination, now, now, std::nullopt};
    return false;
  }
  sender.seen = now;
  if (now - sender.since < patience || (sender.told && now - *sender.told < patience)) {
    return false;
  }
  sender.told = now;
  return true;
}

}  // namespace mooring::agent
