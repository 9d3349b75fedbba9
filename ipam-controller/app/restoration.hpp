// A store made from a backup becomes the store: it only reads until every node that it knows has said what it holds, or
// an operator has named those that will not; then all of that is taken over in one transaction, with a revision above
// everything that nodes have seen.
//
// What nodes say is kept in memory: a controller that starts anew has a new incarnation while it restores, and nodes
// report to every incarnation.
// Threading: Ipam's thread. Must not outlive `ipam`.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ipam-controller/app/adoption.hpp"
#include "ipam-controller/app/ipam.hpp"

namespace mooring::controller {

class Restoration {
 public:
  explicit Restoration(Ipam& ipam) : ipam_(ipam), self_(std::make_shared<Restoration*>(this)) {}

  // A node says what it holds. The last one that is missing ends the restore, if nothing would be lost.
  void heard(const std::string& node, ipam_api::NodeInventory inventory);

  struct NodeStatus {
    std::string name;
    enum class Heard { nothing, incomplete, complete } heard = Heard::nothing;
    std::size_t ports = 0;
  };
  struct Status {
    bool restoring = false;
    std::vector<NodeStatus> nodes;
    Adoption adoption;  // what finishing now would do
  };
  // Changes nothing.
  void status(Callback<Status> done);

  struct Order {
    std::set<std::string> without;  // nodes that will not report: their newest ports are not known
    bool leave_out = false;         // ports that cannot be taken over
  };
  struct Outcome {
    Adoption adoption;
    Revision revision = 0;
  };
  // restoring: nodes are missing, named; conflict: ports that would be left out, named, or there is nothing to finish.
  void finish(Caller caller, Order order, Callback<Outcome> done);

 private:
  Ipam& ipam_;
  NodeInventories inventories_;
  std::shared_ptr<Restoration*> self_;  // callbacks hold it weakly
};

}  // namespace mooring::controller
