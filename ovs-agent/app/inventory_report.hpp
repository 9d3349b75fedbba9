// What this node has, as the controller asks for it (mooring/ipam_api/inventory.hpp): taken together from Open
// vSwitch's database, the kernel and the journal; and posted unasked to a controller whose store is another one than
// before. Threading: the agent's one thread.
#pragma once

#include "mooring/ipam_api/inventory.hpp"
#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {

class InventoryReport {
 public:
  InventoryReport(Attachments::Parts parts, Attachments& attachments)
      : parts_(std::move(parts)), attachments_(attachments) {}

  // Never an error: what could not be read makes it not complete.
  ipam_api::NodeInventory take();

  // The controller has taken the registration, for the store of that incarnation.
  void registered(const std::string& incarnation);
  // Posts what registered() asked for as soon as it is complete, for ever.
  asio::awaitable<void> run();

 private:
  Attachments::Parts parts_;
  Attachments& attachments_;
  Generation highest_ = 0;  // ever seen; a restored store counts from lower again
  std::string incarnation_;
  std::string reported_to_;
};

}  // namespace mooring::agent
