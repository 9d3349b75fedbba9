#include "ipam-controller/cli/kinds.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

constexpr bool wide = true;

constexpr std::array network_columns{Column{"NAME", "name"}, Column{"ISOLATED", "isolated"},
                                     Column{"REVISION", "revision", wide}};
constexpr std::array subnet_columns{Column{"NAME", "name"},
                                    Column{"NETWORK", "network"},
                                    Column{"VNI", "vni"},
                                    Column{"CIDR", "cidr"},
                                    Column{"GATEWAY", "gateway"},
                                    Column{"MTU", "mtu_bytes"},
                                    Column{"DNS", "dns.nameservers", wide},
                                    Column{"ROUTES", "routes", wide},
                                    Column{"REVISION", "revision", wide}};
constexpr std::array pool_columns{Column{"NAME", "name"},
                                  Column{"SUBNET", "subnet"},
                                  Column{"KIND", "kind"},
                                  Column{"DEFAULT", "default"},
                                  Column{"SIZE", "size"},
                                  Column{"ALLOCATED", "allocated"},
                                  Column{"BOUND", "bound"},
                                  Column{"FREE", "free"},
                                  Column{"RANGES", "ranges", wide},
                                  Column{"EXCLUSIONS", "exclusions", wide},
                                  Column{"REVISION", "revision", wide}};
constexpr std::array binding_columns{
    Column{"NETWORK", "network"},     Column{"NAMESPACE", "namespace"}, Column{"HOSTNAME", "hostname"},
    Column{"KIND", "kind"},           Column{"ADDRESS", "address"},     Column{"MAC", "mac"},
    Column{"POOL", "pool"},           Column{"NODE", "node"},           Column{"ORDINAL", "interface_ordinal", wide},
    Column{"SUBNET", "subnet", wide}, Column{"PORT", "port_id", wide},  Column{"REVISION", "revision", wide}};
constexpr std::array port_columns{Column{"ID", "id"},
                                  Column{"NAMESPACE", "namespace"},
                                  Column{"HOSTNAME", "hostname"},
                                  Column{"ADDRESS", "address"},
                                  Column{"MAC", "mac"},
                                  Column{"NODE", "node"},
                                  Column{"STATE", "state"},
                                  Column{"KIND", "kind"},
                                  Column{"POOL", "pool"},
                                  Column{"NETWORK", "network", wide},
                                  Column{"SUBNET", "subnet", wide},
                                  Column{"VNI", "vni", wide},
                                  Column{"ORDINAL", "interface_ordinal", wide},
                                  Column{"GENERATION", "generation", wide},
                                  Column{"ATTACHMENT", "attachment", wide},
                                  Column{"POD UID", "pod_uid", wide},
                                  Column{"REVISION", "revision", wide}};
constexpr std::array node_columns{Column{"NAME", "name"},
                                  Column{"VTEP", "vtep"},
                                  Column{"LIVE", "live"},
                                  Column{"LAST HEARD", "last_heard"},
                                  Column{"VERSION", "version"},
                                  Column{"MACHINE ID", "machine_id", wide},
                                  Column{"REVISION", "revision", wide}};
constexpr std::array gateway_columns{Column{"NAME", "name"},
                                     Column{"NETWORK", "network"},
                                     Column{"VTEP", "vtep"},
                                     Column{"LIVE", "live"},
                                     Column{"LAST HEARD", "last_heard"},
                                     Column{"VERSION", "version"},
                                     Column{"MACHINE ID", "machine_id", wide},
                                     Column{"REVISION", "revision", wide}};

constexpr std::array<std::string_view, 1> by_network{"network"};
constexpr std::array<std::string_view, 3> by_all{"network", "namespace", "node"};

constexpr std::array kinds{
    Kind{"network", "networks", "net", network_columns, {}},
    Kind{"subnet", "subnets", "sn", subnet_columns, by_network},
    Kind{"pool", "pools", "po", pool_columns, by_network},
    Kind{"binding", "bindings", "bd", binding_columns, by_all, true},
    Kind{"port", "ports", "pt", port_columns, by_all, true},
    Kind{"node", "nodes", "no", node_columns, {}},
    Kind{"gateway", "gateways", "gw", gateway_columns, by_network},
};

Error bad_name(const Kind& kind, std::string_view text, std::string_view cause, std::string_view hint) {
  return Error(Errc::invalid_argument, fmt::format("reading the {} \"{}\": {}", kind.singular, text, cause),
               std::string(hint));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t slash = text.find('/');
    parts.emplace_back(text.substr(0, slash));
    if (slash == text.npos) {
      return parts;
    }
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

std::span<const Kind> all_kinds() {
  return kinds;
}

std::string kind_names() {
  std::string names;
  for (const Kind& kind : kinds) {
    names += (names.empty() ? "" : ", ") + std::string(kind.collection);
  }
  return names;
}

Result<const Kind*> find_kind(std::string_view word) {
  const auto* found = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) {
    return word == kind.singular || word == kind.collection || word == kind.abbreviation;
  });
  if (found == kinds.end()) {
    return Error(Errc::invalid_argument, fmt::format("there is no kind of object called \"{}\"", word),
                 "kinds are: " + kind_names());
  }
  return found;
}

Result<ObjectName> parse_object_name(const Kind& kind, std::string_view text, const ObjectName& defaults) {
  ObjectName name = defaults;
  const std::vector<std::string> parts = split(text);
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); })) {
    return bad_name(kind, text, "a part of it is empty", "");
  }
  if (!kind.bound) {
    if (parts.size() != 1) {
      return bad_name(kind, text, "a name has no '/'", "");
    }
    name.name = parts[0];
    return name;
  }
  if (parts.size() == 1 && kind.singular == "port" && defaults.namespace_.empty()) {
    name.name = parts[0];
  } else if (parts.size() == 1 && !defaults.namespace_.empty()) {
    name.hostname = parts[0];
  } else if (parts.size() == 2) {
    name.namespace_ = parts[0];
    name.hostname = parts[1];
  } else if (parts.size() == 4) {
    name.network = parts[0];
    name.namespace_ = parts[1];
    name.hostname = parts[2];
    name.ordinal = parts[3];
  } else {
    return bad_name(kind, text, "the namespace is missing, or there are too many parts",
                    "write NAMESPACE/HOSTNAME, HOSTNAME with -n NAMESPACE, or NETWORK/NAMESPACE/HOSTNAME/ORDINAL");
  }
  return name;
}

std::string path_of(const Kind& kind, const ObjectName& name) {
  std::string path = fmt::format("/v1/{}", kind.collection);
  if (name.hostname.empty()) {
    return path + "/" + http::percent_encoded(name.name);
  }
  const std::string network = name.network.empty() ? "default" : name.network;
  for (const std::string& part : {network, name.namespace_, name.hostname, name.ordinal}) {
    path += "/" + http::percent_encoded(part);
  }
  return path;
}

}  // namespace mooring::ctl
