// Compares, every few seconds, what the node has with what the directory says it has, and gives back what is gone
// (domain/reconcile.hpp decides).
// Threading: the agent's one thread.
#pragma once

#include "ovs-agent/app/attachments.hpp"
#include "ovs-agent/app/leftovers.hpp"
#include "ovs-agent/domain/reconcile.hpp"

namespace mooring::agent {

class Reconciler {
 public:
  Reconciler(Attachments::Parts parts, Attachments& attachments, Leftovers& leftovers, DelegatedPorts& delegated,
             SwitchPort& bridge)
      : parts_(std::move(parts)),
        attachments_(attachments),
        leftovers_(leftovers),
        delegated_(delegated),
        switch_(bridge) {}

  // Removes the ports of an earlier boot as soon as OVSDB was read, then passes for ever.
  asio::awaitable<void> run();
  // One pass; two with the same finding before something is given back.
  asio::awaitable<Result<void>> pass();

 private:
  Result<Inventory> inventory();
  // Its DEL is done or noted; the row alone is left.
  bool deletion_promised(const PortRecord& record) const;
  asio::awaitable<Result<void>> carry_out(std::vector<Removal> removals);
  asio::awaitable<Result<void>> remove_earlier_boot();

  Attachments::Parts parts_;
  Attachments& attachments_;
  Leftovers& leftovers_;
  DelegatedPorts& delegated_;
  SwitchPort& switch_;
  std::vector<Removal> before_;
  std::string last_problem_;
};

}  // namespace mooring::agent
