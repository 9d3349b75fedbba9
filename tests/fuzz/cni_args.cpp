// CNI_ARGS.
#include "cni-plugin/attach_request.hpp"
#include "fuzz/target.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(cni_args) {
  const auto args = cni::parse_args(input);
  if (!args) {
    return;
  }
  cni::Call call;
  call.command = cni::Command::add;
  call.attachment = {"0123456789abcdef", "net1"};
  call.netns = "/run/netns/x";
  call.args = *args;
  const auto request = cni::attach_request_for(call, cni::ConfiguredWishes());
  if (request) {
    const auto told = agent_api::attach_request_from(to_json(*request));
    tests::must_hold(told && to_json(*told) == to_json(*request), "the agent understands what the plugin says");
  }
}
