// A small overlay for the tests of the agent's rules: three nodes, a gateway, a network of two subnets.
#pragma once

#include <string>

#include "mooring/directory/directory.hpp"
#include "ovs-agent/domain/desired_flows.hpp"

namespace mooring::agent::test {

inline net::Ipv4Address ip(const char* text) {
  return net::Ipv4Address::parse(text).value();
}
inline net::Vni vni(std::uint32_t value) {
  return net::Vni::from(value).value();
}
inline PortKey key(std::uint32_t segment, const char* address) {
  return {vni(segment), net::IpAddress::parse(address).value()};
}

// Speaks as the controller's stream would.
class World {
 public:
  World() : directory(own_) {}
  // Into another one's directory.
  explicit World(directory::Directory& other) : directory(other) {}

  void object(const char* kind, const char* name, const char* value) {
    ipam_api::Entry entry;
    entry.kind = kind;
    entry.key = name;
    entry.revision = ++revision;
    entry.value = ipam_api::Json::parse(value);
    directory.apply(entry);
  }
  void gone(const char* kind, const char* name) {
    ipam_api::Entry entry;
    entry.kind = kind;
    entry.key = name;
    entry.revision = ++revision;
    entry.deleted = true;
    directory.apply(entry);
  }
  void port(std::uint32_t segment, const std::string& address, const char* node, Generation generation,
            const std::string& attachment = "c9/eth0") {
    ipam_api::Entry entry = port_entry(segment, address, generation);
    entry.value = {{"node", node},
                   {"mac", "0a:58:0a:00:00:09"},
                   {"state", "active"},
                   {"attachment", attachment},
                   {"network", "default"}};
    directory.apply(entry);
  }
  void extra(std::uint32_t segment, const std::string& address, const char* node, Generation generation,
             const std::string& attachment) {
    ipam_api::Entry entry = port_entry(segment, address, generation);
    entry.kind = "extra";
    entry.value = {{"node", node}, {"mac", "0a:58:0a:00:00:09"}, {"attachment", attachment}, {"network", "default"}};
    directory.apply(entry);
  }
  void port_gone(std::uint32_t segment, const std::string& address, Generation generation) {
    ipam_api::Entry entry = port_entry(segment, address, generation);
    entry.deleted = true;
    entry.value = nullptr;
    directory.apply(entry);
  }
  void begin() { directory.begin_snapshot("inc", false); }
  void end(ipam_api::Revision at) {
    revision = at;
    directory.end_of_snapshot(0, at);
    directory.end_of_snapshot(100, at);
    directory.end_of_snapshot(101, at);
    directory.end_of_snapshots(at, {0, 100, 101});
  }
  // Nodes h1 (own), h2, h3; gateway gw1; subnets blue (100) and green (101).
  void layout() {
    object("network", "default", R"({"isolated":false})");
    object("subnet", "blue",
           R"({"network":"default","vni":100,"cidr":"10.0.0.0/24","gateway":"10.0.0.1","mtu_bytes":1450})");
    object("subnet", "green",
           R"({"network":"default","vni":101,"cidr":"10.0.1.0/24","gateway":"10.0.1.1","mtu_bytes":1450})");
    object("pool", "blue", R"({"subnet":"blue","ranges":["10.0.0.2-10.0.0.100"]})");
    object("node", "h1", R"({"vtep":"172.31.0.1"})");
    object("node", "h2", R"({"vtep":"172.31.0.2"})");
    object("node", "h3", R"({"vtep":"172.31.0.3"})");
    object("gateway", "gw1", R"({"vtep":"172.31.0.100","network":"default"})");
  }

  // The IPv6 halves of both subnets.
  void layout6() {
    object("subnet6", "blue",
           R"({"network":"default","vni":100,"cidr":"fd00::/64","gateway":"fd00::1","mtu_bytes":1450})");
    object("subnet6", "green",
           R"({"network":"default","vni":101,"cidr":"fd00:0:0:1::/64","gateway":"fd00:0:0:1::1","mtu_bytes":1450})");
  }

  // A packet has asked for that destination.
  void use(std::uint32_t segment, const char* address) { in_use.admit(key(segment, address), false, {}); }

 private:
  directory::Directory own_{"h1"};

 public:
  directory::Directory& directory;
  WorkingSet in_use;
  ipam_api::Revision revision = 0;

 private:
  ipam_api::Entry port_entry(std::uint32_t segment, const std::string& address, Generation generation) {
    ipam_api::Entry entry;
    const bool v4 = address.find(':') == std::string::npos;
    entry.kind = v4 ? "port" : "port6";
    entry.shard = segment;
    entry.key = address + (v4 ? "/32" : "/128");
    entry.generation = generation;
    entry.revision = revision = std::max(revision + 1, generation);
    return entry;
  }
};

inline LocalPort local_port(const char* container, std::uint32_t segment, const char* address, Generation generation,
                            std::uint32_t ofport) {
  LocalPort port;
  port.record.attachment = {container, "eth0"};
  port.record.pod = std::string("ns/") + container;
  port.record.network = "default";
  port.record.vni = vni(segment);
  const auto parsed = net::IpAddress::parse(address).value();
  port.record.addresses = {{parsed, parsed.is_v4() ? 24 : 64}};
  port.record.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  port.record.generation = generation;
  port.record.boot_id = "boot-1";
  port.interface = std::string("mo") + container;
  port.ofport = ofport;
  return port;
}

// With an address of each family.
inline LocalPort dual_port(const char* container, std::uint32_t segment, const char* v4, const char* v6,
                           Generation generation, std::uint32_t ofport) {
  LocalPort port = local_port(container, segment, v4, generation, ofport);
  port.record.addresses.push_back({net::IpAddress::parse(v6).value(), 64});
  return port;
}

inline HostSettings h1() {
  return {"h1", ip("172.31.0.1"), {net::Cidr::parse("192.0.2.0/24").value()}};
}

}  // namespace mooring::agent::test
