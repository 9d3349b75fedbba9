#include "ovs-agent/app/port_table.hpp"

#include <spdlog/spdlog.h>

#include "mooring/agent_api/messages.hpp"

namespace mooring::agent {

namespace {

constexpr const char* attachment_id = "mooring.attachment";

}  // namespace

PortTable::PortTable(NodeState& state, FlowProgram& flows, KernelPort& kernel)
    : state_(state), flows_(flows), kernel_(kernel) {}

void PortTable::ovsdb_changed(std::shared_ptr<const ovs::OvsdbState> ovsdb) {
  const auto before = state_.ovsdb;
  state_.ovsdb = std::move(ovsdb);
  if (!state_.ovsdb->connected) {  // what it shows is old, and the rows are still there
    state_.changed.notify();
    return;
  }
  const bool first = !state_.ovsdb_read;
  state_.ovsdb_read = true;
  const auto* former = before->bridge(integration_bridge);
  const auto* bridge = state_.ovsdb->bridge(integration_bridge);
  std::set<std::string> changed_rows;
  static const ovs::OvsBridge none;
  for (const auto& [name, interface] : (bridge == nullptr ? none : *bridge).interfaces) {
    if (!first && former != nullptr) {
      const auto old = former->interfaces.find(name);
      if (old != former->interfaces.end() && old->second == interface) {
        continue;
      }
    }
    changed_rows.insert(name);
    if (interface->external_ids.contains(attachment_id)) {
      row_seen(name, *interface);
    }
  }
  std::vector<Attachment> gone;
  for (const auto& [attachment, port] : state_.ports.all()) {
    if (port.in_ovsdb && !has_row(attachment, port.interface, changed_rows)) {
      gone.push_back(attachment);
    }
  }
  rows_gone(gone);
  std::erase_if(state_.detached, [&](const auto& item) {
    return bridge == nullptr || !bridge->interfaces.contains(agent_api::host_interface_name(item.first));
  });
  if (first) {
    flows_.knowledge_grew();
    sync_host_routes(false);
  }
  state_.changed.notify();
}

// A row that did not change is that of the port that it was.
bool PortTable::has_row(const Attachment& attachment, const std::string& interface,
                        const std::set<std::string>& changed_rows) const {
  const auto* row = state_.ovsdb->interface(integration_bridge, interface);
  if (row == nullptr || !changed_rows.contains(interface)) {
    return row != nullptr;
  }
  const auto id = row->external_ids.find(attachment_id);
  return id != row->external_ids.end() && id->second == attachment.str();
}

void PortTable::rows_gone(const std::vector<Attachment>& gone) {
  const bool made_anew = !database_id_.empty() && state_.ovsdb->database_id != database_id_;
  if (made_anew && !gone.empty()) {
    spdlog::error("the OVSDB was made anew and knows none of {} ports: they are put back", gone.size());
  }
  for (const auto& attachment : gone) {
    if (made_anew) {
      state_.ports.find(attachment)->in_ovsdb = false;
      lost_.push_back(attachment);
    } else {
      spdlog::info("port of {} left Open vSwitch", attachment.str());
      drop(attachment, 0);
    }
  }
  if (!state_.ovsdb->database_id.empty()) {
    database_id_ = state_.ovsdb->database_id;
  }
}

std::vector<LocalPort> PortTable::lost_ports() {
  std::vector<LocalPort> ports;
  std::erase_if(lost_, [&](const Attachment& attachment) {
    const auto* port = state_.ports.find(attachment);
    const bool still = port != nullptr && !port->in_ovsdb && !port->leaving;
    if (still) {
      ports.push_back(*port);
    }
    return !still;
  });
  return ports;
}

void PortTable::row_seen(const std::string& name, const ovs::OvsInterface& interface) {
  auto record = record_from(interface.external_ids);
  if (!record) {
    spdlog::error("port {} of br-int is left out: {}", name, record.error().text());
    return;
  }
  const auto detached = state_.detached.find(record->attachment);
  if (detached != state_.detached.end() && (!detached->second || record->generation <= *detached->second)) {
    return;
  }
  LocalPort port;
  if (const auto* known = state_.ports.find(record->attachment)) {
    if (record->generation < known->record.generation) {
      return;  // the row of before; the new one is on its way
    }
    port = *known;
  } else {
    port.confirmed = true;  // an earlier life of this agent saw its ADD
  }
  const bool taken_over = record->generation > port.record.generation;
  port.record = std::move(record).value();
  port.interface = name;
  port.in_ovsdb = true;
  port.leaving = port.leaving && !taken_over;
  if (interface.ofport && *interface.ofport != 0 && *interface.ofport != port.ofport) {
    state_.ofports.release(port.ofport);
    port.ofport = *interface.ofport;
    state_.ofports.take(port.ofport);
  }
  state_.ports.put(port);
  changed(port);
}

void PortTable::directory_changed(const directory::Changes& changes) {
  for (const PortKey key : changes.left) {
    state_.ports.has_departed(key);
  }
  flows_.directory_changed(changes);
  if (changes.completeness) {
    sync_host_routes(false);
  }
  for (const PortKey key : changes.ports) {  // a snapshot names them all
    if (!state_.ports.at(key).empty() || changes.left.contains(key) || is_own_extra(key)) {
      sync_host_route(key.address);
    }
  }
  state_.changed.notify();
}

Result<const LocalPort*> PortTable::expect(PortRecord record) {
  state_.detached.erase(record.attachment);
  LocalPort port;
  if (const auto* known = state_.ports.find(record.attachment)) {
    port = *known;  // asked again: the number stays
    port.in_ovsdb = known->in_ovsdb && known->record.generation == record.generation;
  }
  if (port.ofport == 0) {
    const auto reserved = state_.ofports.reserve();
    if (!reserved) {
      return Error(Errc::exhausted, "reserving an OpenFlow port number of br-int: all 60000 are in use");
    }
    port.ofport = *reserved;
  }
  port.interface = agent_api::host_interface_name(record.attachment);
  port.leaving = false;
  port.confirmed = false;
  port.record = std::move(record);
  state_.ports.put(port);
  changed(port);
  return state_.ports.find(port.record.attachment);
}

void PortTable::confirmed(const Attachment& attachment) {
  if (auto* port = state_.ports.find(attachment)) {
    port->confirmed = true;
  }
}

void PortTable::told(const Attachment& attachment, Generation generation) {
  const auto* known = state_.ports.find(attachment);
  if (known == nullptr) {
    return;
  }
  LocalPort port = *known;
  port.record.generation = generation;
  port.record.given.clear();
  state_.ports.put(port);
  changed(port);
}

void PortTable::leave(const Attachment& attachment) {
  if (auto* port = state_.ports.find(attachment); port != nullptr && !port->leaving) {
    port->leaving = true;
    changed(*port);
  }
}

void PortTable::drop(const Attachment& attachment, Generation generation) {
  const auto port = state_.ports.remove(attachment);
  if (port) {
    state_.ofports.release(port->ofport);
    changed(*port);
  }
  const Generation newest = std::max(generation, port ? port->record.generation : 0);
  const auto* bridge = state_.ovsdb->bridge(integration_bridge);
  const auto name = port ? port->interface : agent_api::host_interface_name(attachment);
  if (bridge != nullptr && bridge->interfaces.contains(name)) {
    state_.detached[attachment] = newest == 0 ? std::nullopt : std::optional(newest);
  }
}

const ovs::OvsInterface* PortTable::row_of(const LocalPort& port) const {
  const auto* row = state_.ovsdb->interface(integration_bridge, port.interface);
  if (row == nullptr) {
    return nullptr;
  }
  const auto generation = row->external_ids.find("mooring.generation");
  return generation != row->external_ids.end() && generation->second == std::to_string(port.record.generation)
             ? row
             : nullptr;
}

void PortTable::use_ofport(const Attachment& attachment, std::uint32_t ofport) {
  auto* port = state_.ports.find(attachment);
  if (port == nullptr || port->ofport == ofport) {
    return;
  }
  state_.ofports.release(port->ofport);
  state_.ofports.take(ofport);
  port->ofport = ofport;
  changed(*port);
}

bool PortTable::is_own_extra(PortKey key) const {
  const auto entry = state_.directory.find(key);
  return entry && entry->own && entry->extra;
}

// Not before the port's row is there: vswitchd goes through its
// routing table at every change of the kernel's, and the ADD would wait for that before it waits for the port.
std::optional<std::uint32_t> PortTable::host_route_to(net::IpAddress address) const {
  for (const LocalPort* port : open_at(address, state_.ports, state_.directory)) {
    if (port->in_ovsdb) {
      return port->record.mtu_bytes;
    }
  }
  return std::nullopt;
}

std::vector<PortKey> PortTable::keys_of(const LocalPort& port) const {
  std::vector<PortKey> keys = port.record.keys();
  const auto extras = state_.directory.extras_of(port.record.attachment.str());
  keys.insert(keys.end(), extras.begin(), extras.end());
  return keys;
}

void PortTable::sync_host_routes(bool read_back) {
  if (!state_.bridges_ready) {
    return;
  }
  std::map<net::IpAddress, std::uint32_t> routes;
  for (const auto& [attachment, port] : state_.ports.all()) {
    for (const PortKey key : keys_of(port)) {
      if (const auto mtu_bytes = host_route_to(key.address)) {
        routes.emplace(key.address, *mtu_bytes);
      }
    }
  }
  routes_were_set(kernel_.set_host_routes(routes, read_back));
}

void PortTable::sync_host_route(net::IpAddress address) {
  if (state_.bridges_ready) {
    routes_were_set(kernel_.set_host_route(address, host_route_to(address)));
  }
}

void PortTable::routes_were_set(const Result<void>& set) {
  const std::string problem = set ? "" : set.error().text();
  if (problem != last_route_error_ && !problem.empty()) {
    spdlog::error("the host's routes to its pods: {}", problem);
  }
  last_route_error_ = problem;
}

void PortTable::look_again() {
  for (const auto& [attachment, port] : state_.ports.all()) {
    flows_.port_changed(port);
  }
  sync_host_routes(true);
}

void PortTable::changed(const LocalPort& port) {
  flows_.port_changed(port);
  for (const PortKey key : keys_of(port)) {
    sync_host_route(key.address);
  }
}

}  // namespace mooring::agent
