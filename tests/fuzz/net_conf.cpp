// Standard input of the CNI plugin.
#include "cni-plugin/net_conf.hpp"

#include "cni-plugin/attach_request.hpp"
#include "cni-plugin/delegated.hpp"
#include "cni-plugin/skel.hpp"
#include "fuzz/target.hpp"

namespace {

using namespace mooring;

cni::Call an_add() {
  cni::Call call;
  call.command = cni::Command::add;
  call.attachment = {"0123456789abcdef", "eth0"};
  call.netns = "/run/netns/x";
  call.args = {{"K8S_POD_NAMESPACE", "shop"}, {"K8S_POD_NAME", "db-0"}};
  return call;
}

void read(ipam_api::Json json) {
  const auto conf = cni::net_conf_from(std::move(json));
  const auto wishes = conf ? cni::wishes_of(*conf) : Result<cni::ConfiguredWishes>(conf.error());
  if (!wishes) {
    tests::must_hold(!cni::error_text(wishes.error(), "1.0.0").empty(), "an error can be told");
    return;
  }
  const auto request = cni::attach_request_for(an_add(), *wishes);
  if (request) {
    const auto told = agent_api::attach_request_from(to_json(*request));
    tests::must_hold(told && to_json(*told) == to_json(*request), "the agent understands what the plugin says");
  }
}

}  // namespace

MOORING_FUZZ_TARGET(net_conf) {
  auto json = cni::parse_input(input);
  if (!json) {
    return;
  }
  if (auto part = cni::ipam_part_of(*json)) {
    read(std::move(*part));
  }
  read(std::move(*json));
}
