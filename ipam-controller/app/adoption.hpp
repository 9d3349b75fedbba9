// What nodes hold is taken over into a store that was made from a backup: ports that came after the backup, and those
// that moved since. The newest generation of an address wins, as everywhere.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ipam-controller/app/transaction.hpp"
#include "mooring/ipam_api/inventory.hpp"

namespace mooring::controller {

using NodeInventories = std::map<std::string, ipam_api::NodeInventory>;  // by node

// A port that a node has and the store does not get, and why.
struct LeftOut {
  std::string node;
  std::string attachment;
  std::string text;
  // It is not a loss: somebody newer holds the address, or the container is going.
  bool harmless = false;
};

struct Adoption {
  std::size_t known = 0;              // the store had them as they are
  std::size_t adopted = 0;            // it has them now
  std::vector<std::string> replaced;  // what the store had instead, one sentence each
  std::vector<LeftOut> left_out;
};

// Ports of the store that no node names stay: whether they are gone is found out as always, by evidence.
Adoption adopt(Transaction& tx, const NodeInventories& inventories);

// What a finished restore must be above of: no node has seen a higher generation or revision.
Revision highest_seen(const NodeInventories& inventories);

}  // namespace mooring::controller
