#include "ovs-agent/domain/gate.hpp"

#include <fmt/format.h>

namespace mooring::agent {
namespace {

// Of a port whose address the node gave by itself, as far as that makes a difference.
std::optional<Gate> gate_of_given(const PortRecord& record, PortKey key, const std::optional<directory::Port>& entry,
                                  const directory::Directory& directory) {
  const bool ours = entry && entry->own && entry->generation >= record.generation;
  if (ours && entry->attachment == record.attachment.str()) {
    return Gate{true, GateReason::newest, {}, entry->generation};  // the controller has been told
  }
  if (record.given != given_of_block) {
    const bool passed_on = ours && entry->generation == record.generation && entry->attachment == record.given;
    return passed_on ? std::optional(Gate{true, GateReason::newest, {}, entry->generation}) : std::nullopt;
  }
  const directory::Block* block = directory.block_at(key);
  return !entry && block != nullptr && directory.own(*block)
             ? std::optional(Gate{true, GateReason::leased, {}, block->generation})
             : std::nullopt;
}

Gate gate_of(const PortRecord& record, PortKey key, const directory::Directory& directory) {
  const auto entry = directory.find(key);
  if (!record.given.empty()) {
    if (auto gate = gate_of_given(record, key, entry, directory)) {
      return *std::move(gate);
    }
  }
  if (!entry) {
    if (directory.known_absent(key, record.generation)) {
      return {false, GateReason::released, {}, 0};
    }
    return {true, GateReason::record_alone, {}, 0};
  }
  if (entry->generation > record.generation) {
    return entry->own ? Gate{false, GateReason::replaced, {}, entry->generation}
                      : Gate{false, GateReason::moved, std::string(entry->node), entry->generation};
  }
  if (entry->generation == record.generation) {
    if (!entry->own) {
      return {false, GateReason::moved, std::string(entry->node), entry->generation};
    }
    if (!entry->attachment.empty() && entry->attachment != record.attachment.str()) {
      return {false, GateReason::replaced, {}, entry->generation};
    }
    return {true, GateReason::newest, {}, entry->generation};
  }
  // An older entry: of before this port was bound, unless the stream has already passed that point.
  if (directory.complete() && directory.revision() >= record.generation) {
    return {false, GateReason::unknown_past, std::string(entry->node), entry->generation};
  }
  return {true, GateReason::record_alone, {}, entry->generation};
}

}  // namespace

Gate gate_of(const LocalPort& port, const directory::Directory& directory) {
  if (port.leaving) {
    return {false, GateReason::leaving, {}, port.record.generation};
  }
  Gate whole{true, GateReason::newest, {}, port.record.generation};
  for (const PortKey key : port.record.keys()) {
    Gate gate = gate_of(port.record, key, directory);
    if (!gate.open) {
      return gate;
    }
    if (gate.reason == GateReason::record_alone || gate.reason == GateReason::leased) {
      whole = std::move(gate);
    }
  }
  return whole;
}

std::vector<const LocalPort*> open_at(net::IpAddress address, const LocalPorts& ports,
                                      const directory::Directory& directory) {
  std::vector<const LocalPort*> candidates = ports.at(address);
  for (const std::string& holder : directory.extra_holders(address)) {
    const auto attachment = ipam_api::parse_attachment(holder);
    candidates.push_back(attachment ? ports.find(*attachment) : nullptr);
  }
  std::erase_if(candidates, [&](const LocalPort* port) { return port == nullptr || !gate_of(*port, directory).open; });
  return candidates;
}

std::string Gate::text() const {
  switch (reason) {
    case GateReason::newest:
      return "open";
    case GateReason::leased:
      return "open: of a block of this node, the controller has yet to be told";
    case GateReason::record_alone:
      return "open: by its record in OVSDB, the directory is not complete";
    case GateReason::leaving:
      return "shut: being deleted";
    case GateReason::moved:
      return fmt::format("shut: moved to {} with generation {}", node, newest);
    case GateReason::replaced:
      return fmt::format("shut: another container of this node has the address, generation {}", newest);
    case GateReason::released:
      return "shut: the controller has released the address";
    case GateReason::unknown_past:
      return fmt::format("shut: the controller does not know this generation, it has {} on {}", newest, node);
  }
  return "shut";
}

}  // namespace mooring::agent
