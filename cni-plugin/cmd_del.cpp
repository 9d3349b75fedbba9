// CNI DEL: idempotent, and done with whatever is away. What it cannot tell the agent now, a note on the disk tells it
// later; where not even that can be written, the agent finds out: a port whose namespace and link are gone.
#include <algorithm>

#include "cni-plugin/commands.hpp"
#include "cni-plugin/detaching.hpp"
#include "cni-plugin/log.hpp"
#include "cni-plugin/ovs_port.hpp"
#include "mooring/netlink/socket.hpp"

namespace mooring::cni {
namespace {

// A runtime waits for DEL before it goes on; a peer that does not answer must not take all the time.
constexpr std::chrono::seconds longest_wait_for_a_peer{10};

bool is_away(const Error& error) {
  return error.code() == Errc::unavailable || error.code() == Errc::timeout;
}

Result<void> remove_from_bridge(const Call& call, const NetConf& conf, Deadline deadline,
                                const Interruption& interruption) {
  auto ovsdb = OvsdbClient::connect(conf.ovsdb, deadline, interruption);
  return ovsdb ? remove_ports_of(*ovsdb, call.attachment) : Result<void>(ovsdb.error());
}

// By the host end: the container's namespace may be gone already.
Result<void> remove_link(const Call& call) {
  auto host = netlink::NetlinkSocket::open();
  if (!host) {
    return host.error();
  }
  const auto deleted = host->delete_link(agent_api::host_interface_name(call.attachment));
  return deleted || deleted.error().code() == Errc::not_found ? ok() : Result<void>(deleted.error());
}

}  // namespace

Result<void> del(const Call& call, const NetConf& conf, const Interruption& interruption) {
  const auto wait = std::min<std::chrono::seconds>(conf.timeout, longest_wait_for_a_peer);
  const auto told =
      detach(conf.agent_socket, conf.agent_state, {call.attachment, "cni-del"}, Clock::now() + wait, interruption);
  const auto off_bridge = remove_from_bridge(call, conf, Clock::now() + wait, interruption);
  const auto unlinked = remove_link(call);

  Result<void> outcome = ok();
  for (const auto* step : {&told, &off_bridge, &unlinked}) {
    if (*step) {
      continue;
    }
    const Error& error = step->error();
    const bool worth_another_call = error.info().retryable && !is_away(error);
    if (worth_another_call && outcome) {
      outcome = error;
    } else {
      log_line("DEL of " + call.attachment.str() + " goes on without: " + error.text());
    }
  }
  return outcome;
}

}  // namespace mooring::cni
