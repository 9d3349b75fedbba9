// host-local keeps one file an address in /var/lib/cni/networks/NETWORK: "CONTAINER-ID\r\nIFNAME" (before 0.8: the
// container's id alone), beside `lock` and `last_reserved_ip.N`. It knows no hostnames: those come from crictl.
#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/exchange/formats.hpp"

namespace mooring::exchange {

using ipam_api::Fields;
using ipam_api::Json;

Result<Sandboxes> sandboxes_in(const TextFile& file) {
  const auto json = ipam_api::parse_json(file.name, file.text);
  if (!json) {
    return json.error();
  }
  const Error wrong(Errc::invalid_argument, fmt::format("reading {}: it is not what crictl prints", file.name),
                    "on the node: crictl pods -o json > pods.json");
  if (!json->is_object() || !json->contains("items") || !(*json)["items"].is_array()) {
    return wrong;
  }
  Sandboxes sandboxes;
  for (const Json& item : (*json)["items"]) {
    Fields fields(item, "items", Fields::Unknown::ignore);
    const std::string id = fields.string("id");
    const bool ready = fields.string("state") == "SANDBOX_READY";
    const Json* metadata = fields.object("metadata");
    if (fields.finish() || metadata == nullptr) {
      return wrong;
    }
    Fields inner(*metadata, "metadata", Fields::Unknown::ignore);
    Sandbox sandbox{inner.string("namespace"), inner.string("name"), ready};
    if (inner.finish()) {
      return wrong;
    }
    sandboxes.emplace(id, std::move(sandbox));
  }
  return sandboxes;
}

void read_host_local(const std::string& network, const TextFile& file, const Sandboxes& sandboxes, Reading& reading) {
  const std::string name = file.name.substr(file.name.rfind('/') + 1);
  if (name == "lock" || name.starts_with("last_reserved_ip.")) {
    return;
  }
  Entry entry;
  entry.place = {file.name, 0, ""};
  entry.source_network = network;
  entry.address = name;
  entry.address_field = "file name";
  const auto end = file.text.find_first_of("\r\n");
  const std::string container = file.text.substr(0, end);
  const auto second = end == std::string::npos ? end : file.text.find_first_not_of("\r\n", end);
  if (second != std::string::npos) {
    entry.ifname = file.text.substr(second, file.text.find_first_of("\r\n", second) - second);
  }
  if (container.empty()) {
    reading.fault({entry.place, "", "", "it names no container", "host-local writes the container's id into it"});
    return;
  }
  const auto found = sandboxes.find(container);
  const std::string held =
      fmt::format("host-local {}: container {}{}", network, container, entry.ifname.empty() ? "" : " " + entry.ifname);
  if (found == sandboxes.end()) {
    entry.nameless = held;
  } else if (!found->second.ready) {
    entry.kept_why = fmt::format("{}, pod {}/{} (not ready)", held, found->second.namespace_, found->second.name);
  } else {
    entry.namespace_ = found->second.namespace_;
    entry.name = found->second.name;
    entry.name_field = "pod";
    entry.name_is_whole = true;
  }
  reading.add(entry);
}

}  // namespace mooring::exchange
