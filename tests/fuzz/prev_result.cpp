// prevResult: the result of plugins before ours, and what CHECK reads out of its own.
#include "cni-plugin/cni_result.hpp"
#include "cni-plugin/net_conf.hpp"
#include "fuzz/target.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(prev_result) {
  const auto json = cni::parse_input(input);
  if (!json) {
    return;
  }
  static_cast<void>(cni::interface_in(*json, "eth0"));
  static_cast<void>(cni::routes_in(*json));
  cni::Attached attached;
  attached.allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
  attached.container_interface = "eth0";
  attached.netns = "/run/netns/x";
  for (const char* version : {"0.3.1", "1.0.0", "1.1.0"}) {
    const auto result = cni::result_for(version, attached, *json);
    tests::must_hold(
        cni::interface_in(result, "eth0").has_value() || json->contains("interfaces") || json->contains("ips"),
        "the result has our interface");
  }
}
