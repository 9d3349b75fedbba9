#include "cni-plugin/attach_request.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "cni-plugin/log.hpp"

namespace mooring::cni {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t runtime_id_digits = 64;
constexpr std::size_t short_id_digits = 16;
constexpr std::array known_annotations{"ip", "mac", "pool", "hostname", "kind", "subnet", "network"};

// A value, with where it came from; "" = nobody said anything.
struct Wish {
  std::string value;
  std::string source;
  Errc code = Errc::invalid_config;

  template <class T>
  Result<T> parsed(Result<T> result) const {
    if (result) {
      return result;
    }
    const Error& error = result.error();
    const bool keeps_code = error.code() == Errc::unsupported;
    return Error(keeps_code ? error.code() : code, source + ": " + error.message(), error.hint());
  }
};

class Sources {
 public:
  Sources(const Call& call, const ConfiguredWishes& configured) : call_(call), configured_(configured) {}

  // The first that says something.
  Wish first(const char* annotation, const std::vector<const char*>& args, const char* key,
             const std::string& configuration) const {
    const auto from_pod = configured_.annotations.find(annotation);
    if (from_pod != configured_.annotations.end() && !from_pod->second.empty()) {
      return {from_pod->second, fmt::format("annotation mooring.io/{}", annotation)};
    }
    for (const char* name : args) {
      const auto it = call_.args.find(name);
      if (it != call_.args.end() && !it->second.empty()) {
        return {it->second, fmt::format("CNI_ARGS {}", name), Errc::bad_environment};
      }
    }
    return {configuration, fmt::format("network configuration: {}", key)};
  }

 private:
  const Call& call_;
  const ConfiguredWishes& configured_;
};

// "10.0.0.5" or "10.0.0.5/24": the prefix length is the subnet's affair.
Result<net::Ipv4Address> address_wish(const std::string& text) {
  if (text.find(':') != std::string::npos) {
    return Error(Errc::unsupported, fmt::format("'{}' is an IPv6 address", text), "mooring gives IPv4 addresses");
  }
  if (text.find('/') == std::string::npos) {
    return net::Ipv4Address::parse(text);
  }
  const auto with_length = net::InterfaceAddress::parse(text);
  return with_length ? Result<net::Ipv4Address>(with_length->address) : with_length.error();
}

Result<std::optional<net::Ipv4Address>> wished_address(const Sources& sources, const ConfiguredWishes& configured) {
  if (configured.ips.size() > 1) {
    return Error(Errc::unsupported,
                 fmt::format("network configuration: ips names {} addresses: {}", configured.ips.size(),
                             fmt::join(configured.ips, ", ")),
                 "one IPv4 address an interface");
  }
  const Wish wish = sources.first("ip", {"IP"}, "ips", configured.ips.empty() ? "" : configured.ips.front());
  if (wish.value.empty()) {
    return std::optional<net::Ipv4Address>();
  }
  const auto address = wish.parsed(address_wish(wish.value));
  return address ? Result<std::optional<net::Ipv4Address>>(*address) : address.error();
}

Result<std::string> wished_name(const Wish& wish, const char* field) {
  return wish.value.empty() ? Result<std::string>(std::string()) : wish.parsed(ipam_api::parse_name(field, wish.value));
}

Result<ipam_api::Wishes> all_wishes(const Sources& sources, const ConfiguredWishes& configured) {
  ipam_api::Wishes wishes;
  const auto network =
      wished_name(sources.first("network", {"MOORING_NETWORK"}, "network", configured.network), "network");
  const auto subnet = wished_name(sources.first("subnet", {"MOORING_SUBNET"}, "subnet", configured.subnet), "subnet");
  const auto pool = wished_name(sources.first("pool", {"MOORING_POOL"}, "pool", configured.pool), "pool");
  for (const auto* name : {&network, &subnet, &pool}) {
    if (!*name) {
      return name->error();
    }
  }
  wishes.network = *network;
  wishes.subnet = *subnet;
  if (!pool->empty()) {
    wishes.pools = {*pool};
  }

  const auto address = wished_address(sources, configured);
  if (!address) {
    return address.error();
  }
  if (*address) {
    wishes.addresses.set(**address);
  }

  const Wish mac = sources.first("mac", {"MAC"}, "runtimeConfig.mac", configured.mac);
  if (!mac.value.empty()) {
    const auto parsed = mac.parsed(net::MacAddress::parse(mac.value));
    if (!parsed) {
      return parsed.error();
    }
    wishes.mac = *parsed;
  }
  const Wish kind = sources.first("kind", {"MOORING_KIND"}, "kind", configured.kind);
  if (!kind.value.empty()) {
    const auto parsed = kind.parsed(ipam_api::parse_kind(kind.value));
    if (!parsed) {
      return parsed.error();
    }
    wishes.kind = *parsed;
  }
  return wishes;
}

void tell_unknown_annotations(const ConfiguredWishes& configured) {
  for (const auto& [key, value] : configured.annotations) {
    if (std::find(known_annotations.begin(), known_annotations.end(), key) == known_annotations.end()) {
      log_line(fmt::format("annotation mooring.io/{} is not known to this version and ignored", key));
    }
  }
}

}  // namespace

std::string hostname_from_container_id(const agent_api::Attachment& attachment) {
  const std::string& id = attachment.container_id;
  const bool hexadecimal = std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  std::string label;
  for (const char c : id) {
    const bool legal = std::isalnum(static_cast<unsigned char>(c)) != 0;
    label += legal ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  }
  if (hexadecimal && id.size() == runtime_id_digits) {
    return label.substr(0, short_id_digits);
  }
  const bool whole = label == id && id.size() <= longest_label && label.back() != '-';
  if (whole) {
    return label;
  }
  // Two ids that differ only in what a label cannot hold must not share a name, and so a binding.
  const std::string hash = agent_api::host_interface_name({id, "hostname"}).substr(2);
  label = label.substr(0, longest_label - hash.size() - 1);
  while (!label.empty() && label.back() == '-') {
    label.pop_back();
  }
  return label + "-" + hash;
}

Result<std::uint32_t> interface_ordinal(std::string_view ifname) {
  std::size_t begin = ifname.size();
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(ifname[begin - 1])) != 0) {
    --begin;
  }
  std::uint32_t ordinal = 0;
  if (begin == ifname.size()) {
    return ordinal;
  }
  const auto [end, failed] = std::from_chars(ifname.data() + begin, ifname.data() + ifname.size(), ordinal);
  if (failed != std::errc()) {
    return Error(Errc::bad_environment, fmt::format("CNI_IFNAME '{}': its number is too large", ifname),
                 "the number at its end is the interface's ordinal in the binding: eth0 is 0, net1 is 1");
  }
  return ordinal;
}

Result<agent_api::AttachRequest> attach_request_for(const Call& call, const ConfiguredWishes& configured) {
  const Sources sources(call, configured);
  agent_api::AttachRequest request;
  request.attachment = call.attachment;
  request.netns = call.netns;
  request.trace_parent = call.trace_parent;
  tell_unknown_annotations(configured);

  const auto ordinal = interface_ordinal(call.attachment.ifname);
  if (!ordinal) {
    return ordinal.error();
  }
  request.interface_ordinal = *ordinal;

  Wish name = sources.first("hostname", {"MOORING_HOSTNAME", "K8S_POD_NAME"}, "hostname", "");
  if (name.value.empty()) {
    name.value = hostname_from_container_id(call.attachment);
  }
  const auto hostname = name.parsed(ipam_api::parse_hostname("hostname", name.value));
  if (!hostname) {
    return hostname.error();
  }
  request.hostname = *hostname;

  Wish space = sources.first("", {"MOORING_NAMESPACE", "K8S_POD_NAMESPACE"}, "namespace", configured.namespace_);
  if (space.value.empty()) {
    space.value = "default";
  }
  const auto namespace_name = space.parsed(ipam_api::parse_name("namespace", space.value));
  if (!namespace_name) {
    return namespace_name.error();
  }
  request.namespace_ = *namespace_name;

  if (const auto uid = call.args.find("K8S_POD_UID"); uid != call.args.end()) {
    request.pod_uid = uid->second;
  }
  auto wishes = all_wishes(sources, configured);
  if (!wishes) {
    return wishes.error();
  }
  request.wishes = std::move(*wishes);
  return request;
}

}  // namespace mooring::cni
