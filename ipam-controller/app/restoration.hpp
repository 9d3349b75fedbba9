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
  // `ipam` has started.
  explicit Restoration(Ipam& ipam);

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
  // unavailable: nodes are missing, or ports would be left out, all named; not_found: a node of the order; conflict:
  // the store is not restoring.
  void finish(Caller caller, Order order, Callback<Outcome> done);

 private:
  // Or has those who ask told what is missing.
  void try_to_finish();

  Ipam& ipam_;
  NodeInventories inventories_;
  std::shared_ptr<Restoration*> self_;  // callbacks hold it weakly
};

}  // namespace mooring::controller
