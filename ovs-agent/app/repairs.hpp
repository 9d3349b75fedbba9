// What the controller's question "repair" may have this node do (docs/reference/fsck.md). The node looks again before
// it does anything: a repair that no longer fits what is there is refused (Errc::conflict). Threading: the agent's one
// thread.
#pragma once

#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

class Repairs {
 public:
  Repairs(Attachments::Parts parts, Attachments& attachments, SwitchPort& bridge)
      : parts_(std::move(parts)), attachments_(attachments), switch_(bridge) {}

  // arguments.action: confirm-gone, remove-port, restore-port, remove-link. Answers {} when it is done.
  asio::awaitable<Result<ipam_api::Json>> carry_out(ipam_api::Json arguments);

 private:
  // What of the attachment is there, by OVSDB and kernel, now.
  struct Found {
    std::string row;  // name of the OVSDB port, "" = none
    Generation row_generation = 0;
    bool link = false;
    bool in_flight = false;
  };
  Result<Found> look(const Attachment& attachment);
  asio::awaitable<Result<void>> remove_port(Attachment attachment, Generation generation);
  asio::awaitable<Result<void>> restore_port(PortRecord record);
  Result<void> confirm_gone(const Attachment& attachment);
  Result<void> remove_link(const std::string& name);

  Attachments::Parts parts_;
  Attachments& attachments_;
  SwitchPort& switch_;
};

}  // namespace mooring::agent
