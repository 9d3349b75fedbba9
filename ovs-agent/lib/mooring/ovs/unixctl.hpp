// Questions to a running OVS daemon's control socket, what ovs-appctl does: "dpif/show", "tnl/arp/set br-phy IP MAC".
//
// Blocks the caller for at most `deadline`. Errors: unavailable (no daemon), timeout (it hangs), io, invalid_argument
// (the daemon's own error text). Source: ovs-appctl(8), unixctl's JSON-RPC.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "mooring/base/error.hpp"

namespace mooring::ovs {

// `socket` = "/run/openvswitch/ovs-vswitchd.1234.ctl".
Result<std::string> unixctl_call(const std::string& socket, const std::string& command,
                                 const std::vector<std::string>& arguments, std::chrono::milliseconds deadline);

// The control socket of the ovs-vswitchd that runs in `run_dir`, from its pid file. not_found if there is none.
Result<std::string> vswitchd_control_socket(const std::string& run_dir);

}  // namespace mooring::ovs
