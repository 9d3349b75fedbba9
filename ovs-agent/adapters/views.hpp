// What the agent shows of itself: status, ports, flows, and the answers to the controller's questions.
// Threading: the agent's one thread.
#pragma once

#include "mooring/directory/watch_client.hpp"
#include "ovs-agent/adapters/node_switch.hpp"
#include "ovs-agent/app/attachments.hpp"
#include "ovs-agent/app/destinations.hpp"
#include "ovs-agent/config.hpp"

namespace mooring::agent {

struct ViewSources {
  Config config;
  NodeSwitch& bridges;
  const directory::WatchClient& watch;
  const Destinations& destinations;
};

class Views {
 public:
  Views(Attachments::Parts parts, Attachments& attachments, ViewSources sources)
      : parts_(std::move(parts)), attachments_(attachments), sources_(std::move(sources)) {}

  ipam_api::Json status() const;
  ipam_api::Json ports() const;
  std::string flows() const;

 private:
  ipam_api::Json destinations_view() const;

  Attachments::Parts parts_;
  Attachments& attachments_;
  ViewSources sources_;
};

}  // namespace mooring::agent
