// CNI DEL: idempotent, and done with whatever is away. What it cannot tell the agent now, a note on the disk tells it
// later; where not even that can be written, the agent finds out: a port whose namespace and link are gone.
#include <algorithm>

#include "cni-plugin/commands.hpp"
#include "cni-plugin/detaching.hpp"
#include "cni-plugin/log.hpp"
#include "cni-plugin/ovs_port.hpp"
#include "cni-plugin/retired_link.hpp"
#include "cni-plugin/timing.hpp"

namespace mooring::cni {
namespace {

// A runtime waits for DEL before it goes on; a peer that does not answer must not take all the time.
constexpr std::chrono::seconds longest_wait_for_a_peer{10};

bool controller_is_away(const Error& error) {
  return error.code() == Errc::unavailable || error.code() == Errc::timeout;
}

Result<void> remove_from_bridge(const Call& call, const NetConf& conf, Deadline deadline,
                                const Interruption& interruption) {
  auto ovsdb = OvsdbClient::connect(conf.ovsdb, deadline, interruption);
  return ovsdb ? remove_ports_of(*ovsdb, call.attachment) : Result<void>(ovsdb.error());
}

}  // namespace

Result<void> del(const Call& call, const NetConf& conf, const Interruption& interruption) {
  const auto wait = std::min<std::chrono::seconds>(conf.timeout, longest_wait_for_a_peer);
  Timing timing;
  // The agent is asked first: it must know that the port is to go before it misses it.
  Detaching detaching(conf.agent_socket, conf.agent_state, {call.attachment, "cni-del"}, Clock::now() + wait,
                      interruption);
  timing.step("tell-agent");
  const auto off_bridge = remove_from_bridge(call, conf, Clock::now() + wait, interruption);
  timing.step("remove-ovs-port");
  const auto retired = retire_link(call.attachment, call.netns);
  timing.step("retire-link");
  const auto told = detaching.finish();
  timing.step("wait-for-agent");
  Result<void> unlinked = retired ? ok() : Result<void>(retired.error());
  if (retired && *retired && detaching.agent_is_away()) {
    unlinked = delete_retired_link(**retired);
  }

  timing.tell();
  Result<void> outcome = ok();
  for (const Result<void>* step : std::initializer_list<const Result<void>*>{&told, &off_bridge, &unlinked}) {
    if (*step) {
      continue;
    }
    const Error& error = step->error();
    const bool worth_another_call = error.info().retryable && !controller_is_away(error);
    if (worth_another_call && outcome) {
      outcome = error;
    } else {
      log_line("DEL of " + call.attachment.str() + " goes on without: " + error.text());
    }
  }
  return outcome;
}

}  // namespace mooring::cni
