#include "ovs-agent/app/inventory_report.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "mooring/agent_api/messages.hpp"

namespace mooring::agent {
namespace {

using ipam_api::InventoryPort;
using ipam_api::JournalMark;
using ipam_api::NodeInventory;

constexpr std::chrono::milliseconds post_deadline{5'000};
constexpr std::chrono::milliseconds pause{2'000};

InventoryPort port_of(const PortRecord& record) {
  InventoryPort port;
  port.attachment = record.attachment;
  port.pod_uid = record.uid;
  port.network = record.network;
  const auto slash = record.pod.find('/');
  port.namespace_ = record.pod.substr(0, slash);
  port.hostname = slash == std::string::npos ? "" : record.pod.substr(slash + 1);
  port.vni = record.vni;
  for (const PortKey key : record.keys()) {
    port.addresses.set(key.address);
  }
  port.mac = record.mac;
  port.generation = record.generation;
  port.boot_id = record.boot_id;
  return port;
}

InventoryPort port_of(const DelegatedGiven& given, bool netns_alive) {
  InventoryPort port;
  port.attachment = given.attachment;
  const auto slash = given.pod.find('/');
  port.namespace_ = given.pod.substr(0, slash);
  port.hostname = slash == std::string::npos ? "" : given.pod.substr(slash + 1);
  port.vni = given.vni;
  for (const auto& text : split_addresses(given.addresses)) {
    if (const auto address = net::IpInterfaceAddress::parse(text)) {
      port.addresses.set(address->address);
    }
  }
  port.mac = given.mac;
  port.generation = given.generation;
  port.boot_id = given.boot_id;
  port.delegated = true;
  port.netns_alive = netns_alive;
  return port;
}

}  // namespace

NodeInventory InventoryReport::take() {
  const NodeState& state = parts_.state;
  NodeInventory inventory;
  inventory.boot_id = state.boot_id;
  inventory.ovsdb_id = state.ovsdb->database_id;
  const auto in_flight = attachments_.in_flight();
  inventory.in_flight.assign(in_flight.begin(), in_flight.end());

  std::map<Attachment, InventoryPort> ports;
  const auto put = [&](const PortRecord& record, std::uint32_t ofport, bool in_ovsdb) {
    InventoryPort port = port_of(record);
    port.ofport = ofport;
    port.ovs_port = in_ovsdb;
    port.netns_alive = parts_.kernel.namespace_alive(record.netns);
    ports.insert_or_assign(record.attachment, std::move(port));
  };
  // Rows first, what the agent holds over them: an ADD under way may be of a newer generation than the row.
  if (const auto* bridge = state.ovsdb->bridge(integration_bridge)) {
    for (const auto& [name, interface] : bridge->interfaces) {
      if (const auto record = record_from(interface->external_ids)) {
        put(*record, interface->ofport.value_or(0), true);
        if (!state.ports.find(record->attachment)) {
          ports[record->attachment].journal = JournalMark::deleting;
        }
      }
    }
  }
  for (const auto& [attachment, port] : state.ports.all()) {
    put(port.record, port.ofport, port.in_ovsdb);
    ports[attachment].journal = port.leaving                     ? JournalMark::deleting
                                : in_flight.contains(attachment) ? JournalMark::adding
                                                                 : JournalMark::none;
  }
  for (const auto& [attachment, given] : parts_.journal.state().delegated) {
    ports.insert_or_assign(attachment, port_of(given, parts_.kernel.namespace_alive(given.netns)));
  }
  for (const auto& [id, owed] : parts_.journal.state().owed) {
    InventoryPort& port = ports[owed.attachment];
    if (port.generation <= owed.generation) {
      port.attachment = owed.attachment;
      port.generation = owed.generation;
      port.journal = JournalMark::releasing;
      if (owed.key) {
        port.vni = owed.key->vni;
        port.addresses = owed.key->address;
      }
    }
  }
  // The links last: one is made before its row.
  auto links = parts_.kernel.links();
  if (!links) {
    spdlog::error("taking the node's inventory: {}", links.error().text());
  } else {
    for (auto& [attachment, port] : ports) {
      const auto link = links->find(agent_api::host_interface_name(attachment));
      if (link != links->end()) {
        port.link = true;
        links->erase(link);
      }
    }
    // A link whose row is lost: the directory remembers what it was, one entry for each family.
    std::map<Attachment, InventoryPort> orphans;
    state.directory.for_each_port([&](const directory::Port& entry) {
      const auto attachment = entry.own && !entry.extra ? ipam_api::parse_attachment(entry.attachment) : Error();
      const auto link = attachment ? links->find(agent_api::host_interface_name(*attachment)) : links->end();
      if (link == links->end() || ports.contains(*attachment)) {
        return;
      }
      InventoryPort& port = orphans[*attachment];
      port.attachment = *attachment;
      port.vni = entry.key.vni;
      port.addresses.set(entry.key.address);
      port.mac = entry.mac;
      port.generation = entry.generation;
      port.link = true;
    });
    for (auto& [attachment, port] : orphans) {
      links->erase(agent_api::host_interface_name(attachment));
      ports.insert_or_assign(attachment, std::move(port));
    }
    for (const Attachment& attachment : in_flight) {
      links->erase(agent_api::host_interface_name(attachment));
    }
    std::copy_if(links->begin(), links->end(), std::back_inserter(inventory.stray_links),
                 &agent_api::is_host_interface_name);
  }
  inventory.complete = links.has_value() && state.ovsdb_read && state.ovsdb->connected && state.earlier_boot_done;
  highest_ = std::max(highest_, state.directory.revision());
  for (auto& [attachment, port] : ports) {
    highest_ = std::max(highest_, port.generation);
    inventory.ports.push_back(std::move(port));
  }
  inventory.highest_generation = highest_;
  return inventory;
}

void InventoryReport::registered(const std::string& incarnation) {
  highest_ = std::max(highest_, parts_.state.directory.revision());
  incarnation_ = incarnation;
  parts_.state.changed.notify();
}

asio::awaitable<void> InventoryReport::run() {
  for (;;) {
    if (incarnation_ == reported_to_) {
      co_await parts_.state.changed.wait(after(pause));
      continue;
    }
    ipam_api::NodeInventory inventory = take();
    if (inventory.complete) {
      const std::string incarnation = incarnation_;
      const auto posted = co_await parts_.controller.report(std::move(inventory), after(post_deadline));
      if (posted || !posted.error().info().retryable) {
        reported_to_ = incarnation;
      }
      if (!posted) {
        spdlog::warn("reporting the node's inventory: {}", posted.error().text());
      } else {
        spdlog::info("the controller has this node's inventory, for incarnation {}", incarnation);
        continue;
      }
    }
    asio::steady_timer wait(parts_.state.executor, after(pause));
    co_await wait.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace mooring::agent
