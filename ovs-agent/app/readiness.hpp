// CNI STATUS: could an ADD be served now? Asks everybody that an ADD needs, the controller for an address of the pool
// that a new pod would get one from. Threading: the agent's one thread.
#pragma once

#include "mooring/agent_api/readiness.hpp"
#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

class Readiness {
 public:
  Readiness(Attachments::Parts parts, const Attachments& attachments)
      : parts_(std::move(parts)), attachments_(attachments) {}

  asio::awaitable<agent_api::ReadyAnswer> look(agent_api::ReadyRequest request) const;
  // What the agent can say by itself: node, Open vSwitch, controller.
  agent_api::ReadyAnswer look_at_node() const;

 private:
  Attachments::Parts parts_;
  const Attachments& attachments_;
};

}  // namespace mooring::agent
