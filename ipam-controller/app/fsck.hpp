// The controller's records against what a node reports of itself, and against each other: what differs, and what would
// put it right.
//
// A node that is silent, or whose inventory is not complete, is compared with nothing. What was found is a difference
// only if it is seen twice: records and nodes are read one after the other, and pods come and go in between.
// Pure. Threading: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/domain/state.hpp"
#include "mooring/ipam_api/inventory.hpp"

namespace mooring::controller {

enum class Repair {
  none,          // somebody has to decide: `advice` says what
  release_port,  // the controller gives the address back, after the node has said again that there is nothing
  remove_port,   // the node removes the OVS port
  restore_port,  // the node puts the OVS port of a link back
  remove_link,   // the node removes a link that belongs to nothing
};
std::string to_string(Repair repair);

struct Difference {
  std::string kind;  // stable: "port-not-on-node", … (docs/reference/fsck.md)
  std::string node;  // "" where the controller's records contradict each other
  std::string pod;   // "shop/db-0"
  std::string address;
  std::optional<Attachment> attachment;
  std::string link;  // kind "stray-link"
  Generation generation = 0;
  std::string detail;  // a sentence
  Repair repair = Repair::none;
  std::string advice;  // what the repair does, or what to do by hand

  // The same thing, seen at another time.
  bool same_as(const Difference& other) const;
};
// In the order of nodes, pods, addresses.
void sort(std::vector<Difference>& differences);

// `inventory` is complete.
std::vector<Difference> compare(const State& state, const std::string& node, const ipam_api::NodeInventory& inventory);
// Bindings against live ports.
std::vector<Difference> compare_bindings(const State& state);

std::vector<Difference> seen_twice(const std::vector<Difference>& before, std::vector<Difference> now);

}  // namespace mooring::controller
