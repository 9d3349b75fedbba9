// Addresses that the controller gave to this node for interfaces which another main plugin makes (bridge, macvlan, ptp;
// mooring-ipam asks for them). They have no link of ours, no OVS port and no flows: the journal is the node's record of
// them, and the evidence that one is gone is its DEL, CNI GC, or that its network namespace is no more.
// Threading: the agent's one thread.
#pragma once

#include "mooring/agent_api/delegated.hpp"
#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

// Says at the controller which ports are such: it is their only mark there.
inline constexpr const char* datapath_label = "mooring.io/datapath";

class DelegatedPorts {
 public:
  DelegatedPorts(Attachments::Parts parts, Attachments& attachments)
      : parts_(std::move(parts)), attachments_(attachments) {}

  asio::awaitable<Result<agent_api::DelegatedAnswer>> attach(agent_api::AttachRequest request, Caller caller);
  asio::awaitable<Result<agent_api::CheckAnswer>> check(agent_api::DelegatedCheckRequest request);

  // Its namespace lives and has the interface, or the main plugin is still at work.
  bool alive(const DelegatedGiven& given) const;
  // Gives back what is gone: what is of an earlier boot at once, the rest when two passes have seen it.
  Result<void> pass();

 private:
  bool namespace_lives(const DelegatedGiven& given) const;
  Result<void> give_back(const DelegatedGiven& given, const std::string& reason);

  Attachments::Parts parts_;
  Attachments& attachments_;
  std::set<Attachment> gone_before_;
  bool holds_ = false;
};

}  // namespace mooring::agent
