#include "cni-plugin/attach_request.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "cni-plugin/pod_wishes.hpp"

namespace mooring::cni {
namespace {

constexpr std::size_t longest_label = 63;
constexpr std::size_t runtime_id_digits = 64;
constexpr std::size_t short_id_digits = 16;
constexpr const char* pod_name_source = "CNI_ARGS K8S_POD_NAME";

}  // namespace

std::string hostname_from(const std::string& id) {
  const bool hexadecimal = std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  std::string label;
  for (const char c : id) {
    const bool legal = std::isalnum(static_cast<unsigned char>(c)) != 0;
    label += legal ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  }
  if (hexadecimal && id.size() == runtime_id_digits) {
    return label.substr(0, short_id_digits);
  }
  const bool whole = label == id && id.size() <= longest_label && label.front() != '-' && label.back() != '-';
  if (whole) {
    return label;
  }
  // Two ids that differ only in what a label cannot hold must not share a name, and so a binding.
  const std::string hash = agent_api::host_interface_name({id, "hostname"}).substr(2);
  label = label.substr(0, longest_label - hash.size() - 1);
  const auto begin = label.find_first_not_of('-');
  if (begin == std::string::npos) {
    return hash;
  }
  return label.substr(begin, label.find_last_not_of('-') + 1 - begin) + "-" + hash;
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
  const WishSources sources(call, configured);
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

  auto name = sources.of_pod({"hostname"}, {"MOORING_HOSTNAME", "K8S_POD_NAME"});
  if (!name) {
    return name.error();
  }
  if (name->value.empty()) {
    name->value = hostname_from(call.attachment.container_id);
  } else if (name->source == pod_name_source && !ipam_api::parse_hostname("hostname", name->value)) {
    name->value = hostname_from(name->value);  // podman names containers too, and not as Kubernetes names pods
  }
  const auto hostname = name->parsed(ipam_api::parse_hostname("hostname", name->value));
  if (!hostname) {
    return hostname.error();
  }
  request.hostname = *hostname;

  Wish space = sources.argument({"MOORING_NAMESPACE", "K8S_POD_NAMESPACE"});
  if (space.value.empty()) {
    space = WishSources::configured("namespace", configured.namespace_.empty() ? "default" : configured.namespace_);
  }
  const auto namespace_name = space.parsed(ipam_api::parse_name("namespace", space.value));
  if (!namespace_name) {
    return namespace_name.error();
  }
  request.namespace_ = *namespace_name;

  if (const auto uid = call.args.find("K8S_POD_UID"); uid != call.args.end()) {
    request.pod_uid = uid->second;
  }
  auto wishes = wishes_of_pod(sources, configured);
  auto by_configuration = wishes_of_configuration(configured);
  if (!wishes || !by_configuration) {
    return wishes ? by_configuration.error() : wishes.error();
  }
  request.bandwidth = configured.bandwidth;
  request.wishes = std::move(*wishes);
  request.configured = std::move(*by_configuration);
  return request;
}

}  // namespace mooring::cni
