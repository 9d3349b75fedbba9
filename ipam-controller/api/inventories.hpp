// The newest inventory that each node has reported unasked (POST /v1/nodes/NAME/inventory), since this controller
// started. Threading: one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "ipam-controller/domain/retention.hpp"
#include "mooring/ipam_api/inventory.hpp"

namespace mooring::controller {

class Inventories {
 public:
  struct Report {
    TimeMs at_ms = 0;
    ipam_api::NodeInventory inventory;
  };
  using Listener = std::function<void(const std::string& node, const Report& report)>;

  void put(const std::string& node, TimeMs at_ms, ipam_api::NodeInventory inventory) {
    Report& report = reports_[node];
    report = {at_ms, std::move(inventory)};
    if (listener_) {
      listener_(node, report);
    }
  }
  // nullptr: that node has reported nothing.
  const Report* find(const std::string& node) const {
    const auto found = reports_.find(node);
    return found == reports_.end() ? nullptr : &found->second;
  }
  const std::map<std::string, Report>& all() const { return reports_; }
  void forget(const std::string& node) { reports_.erase(node); }
  // Called with each report that comes. One listener.
  void listen(Listener listener) { listener_ = std::move(listener); }

 private:
  std::map<std::string, Report> reports_;
  Listener listener_;
};

}  // namespace mooring::controller
