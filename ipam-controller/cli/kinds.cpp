#include "ipam-controller/cli/kinds.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ipam-controller/cli/output.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

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

Result<ObjectName> parse_object_name(const Kind& kind, std::string_view text, const ObjectName& defaults) {
  ObjectName name = defaults;
  const std::vector<std::string> parts = split(text);
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); })) {
    return bad_name(kind, text, "a part of it is empty", "");
  }
  if (kind.addressed) {
    if (parts.size() > 2) {
      return bad_name(kind, text, "it has too many parts", "write ADDRESS, with --network, or NETWORK/ADDRESS");
    }
    name.network = parts.size() == 2 ? parts[0] : defaults.network;
    name.name = parts.back();
    return name;
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
  const std::string network = name.network.empty() ? "default" : name.network;
  if (kind.addressed) {
    std::string address = name.name;
    std::replace(address.begin(), address.end(), ':', '_');  // ':' is before a verb in paths
    return fmt::format("{}/{}/{}", path, http::percent_encoded(network), http::percent_encoded(address));
  }
  if (name.hostname.empty()) {
    return path + "/" + http::percent_encoded(name.name);
  }
  for (const std::string& part : {network, name.namespace_, name.hostname, name.ordinal}) {
    path += "/" + http::percent_encoded(part);
  }
  return path;
}

std::string name_of(const Kind& kind, const ipam_api::Json& object) {
  if (kind.addressed) {
    return cell_of(object, "network") + "/" + cell_of(object, "address");
  }
  if (kind.bound && kind.singular != "port") {
    const std::string pod = cell_of(object, "namespace") + "/" + cell_of(object, "hostname");
    const std::string network = cell_of(object, "network");
    const std::string ordinal = cell_of(object, "interface_ordinal");
    return network == "default" && ordinal == "0" ? pod : fmt::format("{}/{}/{}", network, pod, ordinal);
  }
  return cell_of(object, object.contains("name") ? "name" : "id");
}

}  // namespace mooring::ctl
