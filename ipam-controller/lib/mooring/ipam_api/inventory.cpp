#include "mooring/ipam_api/inventory.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr auto tolerant = Fields::Unknown::ignore;

constexpr std::array<std::pair<JournalMark, std::string_view>, 4> marks{{{JournalMark::none, ""},
                                                                         {JournalMark::adding, "adding"},
                                                                         {JournalMark::deleting, "deleting"},
                                                                         {JournalMark::releasing, "releasing"}}};

void put_unless_empty(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) {
    json[key] = value;
  }
}

Result<InventoryPort> port_from(const Json& json) {
  Fields fields(json, "port", tolerant);
  InventoryPort port;
  port.attachment = fields.parsed("attachment", &parse_attachment);
  port.pod_uid = fields.string("pod_uid", "");
  port.network = fields.string("network", "");
  port.namespace_ = fields.string("namespace", "");
  port.hostname = fields.string("hostname", "");
  if (fields.has("vni")) {
    port.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  }
  for (const std::string& text : fields.strings("addresses")) {
    const auto address = fields.take("addresses", net::IpAddress::parse(text));
    if (port.addresses.of(address.family())) {
      fields.fail("addresses", Error(Errc::invalid_argument, "has two of one family"));
    }
    port.addresses.set(address);
  }
  port.mac = fields.parsed_if_present("mac", &net::MacAddress::parse);
  port.generation = fields.number("generation", 0);
  port.ofport = static_cast<std::uint32_t>(fields.number("ofport", 0));
  port.ovs_port = fields.boolean("ovs_port", false);
  port.link = fields.boolean("link", false);
  port.delegated = fields.boolean("delegated", false);
  port.netns_alive = fields.boolean("netns_alive", false);
  port.boot_id = fields.string("boot_id", "");
  port.journal = fields.take("journal", parse_journal_mark(fields.string("journal", "")));
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return port;
}

}  // namespace

std::string to_string(JournalMark mark) {
  for (const auto& [value, text] : marks) {
    if (value == mark) {
      return std::string(text);
    }
  }
  return "";
}

Result<JournalMark> parse_journal_mark(std::string_view text) {
  for (const auto& [value, name] : marks) {
    if (name == text) {
      return value;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is no state of a journal", text),
               "one of adding, deleting, releasing, or nothing");
}

Json to_json(const InventoryPort& value) {
  Json json = {{"attachment", value.attachment.str()}, {"namespace", value.namespace_},
               {"hostname", value.hostname},           {"addresses", Json::array()},
               {"generation", value.generation},       {"ofport", value.ofport},
               {"ovs_port", value.ovs_port},           {"link", value.link},
               {"netns_alive", value.netns_alive}};
  put_unless_empty(json, "pod_uid", value.pod_uid);
  put_unless_empty(json, "network", value.network);
  put_unless_empty(json, "boot_id", value.boot_id);
  put_unless_empty(json, "journal", to_string(value.journal));
  if (value.delegated) {
    json["delegated"] = true;
  }
  if (value.vni) {
    json["vni"] = value.vni->value();
  }
  for (const net::IpAddress& address : value.addresses.all()) {
    json["addresses"].push_back(address.str());
  }
  if (value.mac) {
    json["mac"] = value.mac->str();
  }
  return json;
}

Json to_json(const NodeInventory& value) {
  Json json = {{"complete", value.complete},      {"boot_id", value.boot_id},
               {"ovsdb_id", value.ovsdb_id},      {"highest_generation", value.highest_generation},
               {"in_flight", Json::array()},      {"ports", Json::array()},
               {"stray_links", value.stray_links}};
  for (const Attachment& attachment : value.in_flight) {
    json["in_flight"].push_back(attachment.str());
  }
  for (const InventoryPort& port : value.ports) {
    json["ports"].push_back(to_json(port));
  }
  return json;
}

Result<NodeInventory> inventory_from(const Json& json) {
  Fields fields(json, "inventory", tolerant);
  NodeInventory inventory;
  inventory.complete = fields.boolean("complete", false);
  inventory.boot_id = fields.string("boot_id");
  inventory.ovsdb_id = fields.string("ovsdb_id", "");
  inventory.highest_generation = fields.number("highest_generation");
  for (const std::string& text : fields.strings("in_flight")) {
    inventory.in_flight.push_back(fields.take("in_flight", parse_attachment(text)));
  }
  if (const Json* ports = fields.array("ports")) {
    for (const Json& port : *ports) {
      inventory.ports.push_back(fields.take("ports", port_from(port)));
    }
  }
  inventory.stray_links = fields.strings("stray_links");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return inventory;
}

}  // namespace mooring::ipam_api
