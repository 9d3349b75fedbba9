// CNI STATUS: could an ADD be served now? Asks everybody that an ADD needs, the controller for an address of the pool
// that a new pod would get one from, or, while that is away, the node's blocks. Threading: the agent's one thread.
#pragma once

#include "mooring/agent_api/readiness.hpp"
#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

class Readiness {
 public:
  Readiness(Attachments::Parts parts, const Attachments& attachments)
      : parts_(std::move(parts)), attachments_(attachments) {}

  asio::awaitable<agent_api::ReadyAnswer> look(agent_api::ReadyRequest request) const;

 private:
  // What the agent can say by itself of node and Open vSwitch.
  agent_api::ReadyAnswer look_at_node() const;
  // The controller is away: blocks of the node may serve all the same.
  void look_at_blocks(agent_api::ReadyAnswer& answer, ipam_api::AllocateRequest wish) const;

  Attachments::Parts parts_;
  const Attachments& attachments_;
};

}  // namespace mooring::agent
