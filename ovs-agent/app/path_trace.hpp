// The node's answer to the controller's question "trace" (mooring/ipam_api/trace.hpp): its port, what it believes, what
// the switch would do, and whether the switch holds what it should. Nothing is sent and nothing is changed, but flows
// that somebody else has changed are put right afterwards, as by any read-back.
// Threading: the agent's one thread.
#pragma once

#include "mooring/ipam_api/trace.hpp"
#include "mooring/trace/walk.hpp"
#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

// vswitchd's own simulation.
class TracePort {
 public:
  virtual ~TracePort() = default;
  // The text of `ofproto/trace BRIDGE FLOW`. Errors: unavailable, timeout, invalid_argument (no such port).
  virtual asio::awaitable<Result<std::string>> ofproto_trace(std::string bridge, std::string flow) = 0;
};

class PathTrace {
 public:
  PathTrace(Attachments::Parts parts, TracePort& trace, net::Ipv4Address vtep)
      : parts_(std::move(parts)), trace_(trace), vtep_(vtep) {}

  asio::awaitable<Result<ipam_api::Json>> answer(ipam_api::Json arguments);

 private:
  struct Finding;
  // False: the packet stops with what was found.
  bool look_at_port(Finding& finding) const;
  void look_at_directory(Finding& finding) const;
  asio::awaitable<void> ask_switch(Finding& finding);
  asio::awaitable<void> compare_flows(Finding& finding);
  void follow(Finding& finding, const trace::Walk& walk) const;
  void delivered(Finding& finding, const trace::Walk& walk) const;
  void spread(Finding& finding, const trace::Walk& walk) const;

  Attachments::Parts parts_;
  TracePort& trace_;
  net::Ipv4Address vtep_;
};

}  // namespace mooring::agent
