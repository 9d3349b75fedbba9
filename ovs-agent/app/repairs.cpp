#include "ovs-agent/app/repairs.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/agent_api/messages.hpp"

namespace mooring::agent {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

Error no_longer(const std::string& doing, const std::string& why) {
  return Error(Errc::conflict, doing + ": " + why, "look again: mooringctl fsck");
}

struct Order {
  std::string action;
  PortRecord record;
  std::string link;
};

Result<Order> order_from(const Json& arguments, const std::string& boot_id) {
  Fields fields(arguments, "repair", Fields::Unknown::ignore);
  Order order;
  order.action = fields.string("action");
  if (order.action == "remove-link") {
    order.link = fields.string("link");
  } else {
    order.record.attachment = fields.parsed("attachment", &ipam_api::parse_attachment);
    order.record.generation = fields.number("generation", 0);
  }
  if (order.action == "restore-port") {
    order.record.pod = fields.string("pod");
    order.record.uid = fields.string("pod_uid", "");
    order.record.network = fields.string("network");
    order.record.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
    const auto address6 = fields.parsed_if_present("address6", &net::IpInterfaceAddress::parse);
    if (fields.has("address") || !address6) {
      order.record.addresses.push_back(fields.parsed("address", &net::IpInterfaceAddress::parse));
    }
    if (address6) {
      order.record.addresses.push_back(*address6);
    }
    order.record.mac = fields.parsed("mac", &net::MacAddress::parse);
    order.record.boot_id = boot_id;
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return order;
}

}  // namespace

Result<Repairs::Found> Repairs::look(const Attachment& attachment) {
  const NodeState& state = parts_.state;
  if (!state.ovsdb_read || !state.ovsdb->connected) {
    return Error(Errc::unavailable, "looking at a port: OVSDB does not answer", "is ovsdb-server running?");
  }
  Found found;
  if (const auto* bridge = state.ovsdb->bridge(integration_bridge)) {
    for (const auto& [name, interface] : bridge->interfaces) {
      const auto record = record_from(interface->external_ids);
      if (record && record->attachment == attachment) {
        found.row = name;
        found.row_generation = record->generation;
      }
    }
  }
  const auto links = parts_.kernel.links();
  if (!links) {
    return links.error();
  }
  found.link = links->contains(agent_api::host_interface_name(attachment));
  found.in_flight = attachments_.in_flight().contains(attachment);
  return found;
}

Result<void> Repairs::confirm_gone(const Attachment& attachment) {
  const auto found = look(attachment);
  if (!found) {
    return found.error();
  }
  if (found->link || !found->row.empty() || found->in_flight) {
    return no_longer(fmt::format("confirming that {} is gone", attachment.str()),
                     found->in_flight ? "an ADD of it is under way"
                     : found->link    ? "its link is there"
                                      : "its OVS port is there");
  }
  parts_.table.drop(attachment, 0);
  return ok();
}

asio::awaitable<Result<void>> Repairs::remove_port(Attachment attachment, Generation generation) {
  const std::string doing = fmt::format("removing the OVS port of {}", attachment.str());
  const auto found = look(attachment);
  if (!found) {
    co_return found.error();
  }
  if (found->in_flight) {
    co_return no_longer(doing, "an ADD of it is under way");
  }
  if (!found->row.empty() && generation != 0 && found->row_generation != generation) {
    co_return no_longer(doing, fmt::format("it has generation {} now, not {}", found->row_generation, generation));
  }
  parts_.table.drop(attachment, generation);
  if (found->row.empty()) {
    co_return ok();
  }
  std::vector<std::string> rows{found->row};
  const auto deleted = co_await switch_.delete_ports(std::move(rows));
  co_return deleted;
}

asio::awaitable<Result<void>> Repairs::restore_port(PortRecord record) {
  const std::string doing = fmt::format("putting the OVS port of {} back", record.attachment.str());
  const auto found = look(record.attachment);
  if (!found) {
    co_return found.error();
  }
  if (!found->link || !found->row.empty() || found->in_flight) {
    co_return no_longer(doing, found->in_flight ? "an ADD of it is under way"
                               : found->link    ? "it is there"
                                                : "its link is gone");
  }
  if (const auto* known = parts_.state.ports.find(record.attachment);
      known != nullptr && known->record.generation == record.generation) {
    record = known->record;  // it knows the namespace's path too
  }
  const auto port = parts_.table.expect(std::move(record));
  if (!port) {
    co_return port.error();
  }
  parts_.table.confirmed((*port)->record.attachment);
  std::vector<LocalPort> ports{**port};
  const auto restored = co_await switch_.restore_ports(std::move(ports));
  co_return restored;
}

Result<void> Repairs::remove_link(const std::string& name) {
  const std::string doing = fmt::format("removing the link {}", name);
  if (!agent_api::is_host_interface_name(name)) {
    return Error(Errc::invalid_argument, doing + ": it has no name of ours", "mo and twelve characters");
  }
  const auto belongs = [&](const Attachment& attachment) { return agent_api::host_interface_name(attachment) == name; };
  for (const auto& [attachment, port] : parts_.state.ports.all()) {
    if (belongs(attachment)) {
      return no_longer(doing, fmt::format("it belongs to {}", attachment.str()));
    }
  }
  for (const Attachment& attachment : attachments_.in_flight()) {
    if (belongs(attachment)) {
      return no_longer(doing, fmt::format("an ADD of {} is under way", attachment.str()));
    }
  }
  const auto* bridge = parts_.state.ovsdb->bridge(integration_bridge);
  if (bridge != nullptr && bridge->interfaces.contains(name)) {
    return no_longer(doing, "it is a port of br-int");
  }
  return parts_.kernel.delete_link(name);
}

asio::awaitable<Result<Json>> Repairs::carry_out(Json arguments) {
  const auto order = order_from(arguments, parts_.state.boot_id);
  if (!order) {
    co_return order.error();
  }
  Result<void> done = Error(Errc::unsupported, fmt::format("repairing: the action '{}' is not known", order->action));
  if (order->action == "confirm-gone") {
    done = confirm_gone(order->record.attachment);
  } else if (order->action == "remove-port") {
    Attachment attachment = order->record.attachment;
    done = co_await remove_port(std::move(attachment), order->record.generation);
  } else if (order->action == "restore-port") {
    PortRecord record = order->record;
    done = co_await restore_port(std::move(record));
  } else if (order->action == "remove-link") {
    done = remove_link(order->link);
  }
  const std::string subject = order->link.empty() ? order->record.attachment.str() : order->link;
  if (!done) {
    spdlog::warn("the controller asked for a repair ({} {}): {}", order->action, subject, done.error().text());
    co_return done.error();
  }
  spdlog::warn("the controller asked for a repair: {} {}: done", order->action, subject);
  co_return Json::object();
}

}  // namespace mooring::agent
