// What is left of attachments that are no more, removed whole: link, OVS port, address. Two callers: CNI GC, and the
// agent itself where an ADD's plugin ended without a word (killed, so that nobody was told a result).
//
// Order: link, OVS port, release. Until the last of them the journal or the row tells what it was, so that an agent
// that dies in between, or an Open vSwitch that is away, leaves something to find. Threading: the agent's one thread.
#pragma once

#include "mooring/agent_api/garbage.hpp"
#include "ovs-agent/app/attachments.hpp"
#include "ovs-agent/app/delegated_ports.hpp"

namespace mooring::agent {

class Leftovers {
 public:
  Leftovers(Attachments::Parts parts, Attachments& attachments, const DelegatedPorts& delegated, SwitchPort& bridge)
      : parts_(std::move(parts)), attachments_(attachments), delegated_(delegated), switch_(bridge) {}

  // All of the CNI network that the runtime does not name, but for ADDs in flight and, unless strict, what is alive.
  // Goes on after errors; they are in the answer. Errc::unavailable: what there is cannot be known now.
  asio::awaitable<Result<agent_api::GcAnswer>> collect(agent_api::GcRequest request);
  // The first error; the others are tried all the same.
  asio::awaitable<Result<void>> take_back_abandoned();

 private:
  struct Leftover {
    std::string cni_network;
    std::string netns;
    std::vector<std::string> rows;  // OVSDB ports
    Generation generation = 0;      // 0: what was allocated is not known
    bool is_delegated = false;      // another main plugin made the interface: only its address is ours
  };
  Result<void> can_look() const;
  // Everything that the node knows of, whatever its state.
  std::map<Attachment, Leftover> known() const;
  bool alive(const Attachment& attachment, const Leftover& leftover, const std::set<std::string>& links) const;
  enum class Links { one, many };  // many: out of use at once, deleted together a moment later
  asio::awaitable<Result<void>> remove(Attachment attachment, Leftover leftover, std::string reason, Links links);

  Attachments::Parts parts_;
  Attachments& attachments_;
  const DelegatedPorts& delegated_;
  SwitchPort& switch_;
};

}  // namespace mooring::agent
