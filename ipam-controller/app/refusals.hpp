// Pods that asked for an address and did not get one: the last refusal of each, and how often. In memory only, of the
// last 4,096 pods; forgotten when the pod gets its address.
//
// Threading: Ipam's thread.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <string>
#include <unordered_map>

#include "ipam-controller/domain/objects.hpp"
#include "mooring/base/error.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

struct Refusal {
  ipam_api::AllocateRequest request;  // the last one
  Error error;
  TimeMs first_ms = 0, last_ms = 0;
  std::uint64_t times = 0;
};

class Refusals {
 public:
  static constexpr std::size_t most = 4096;

  // The answer to a request: `error` nullptr: it got an address.
  void note(const ipam_api::AllocateRequest& request, TimeMs now, const Error* error) {
    if (error == nullptr && order_.empty()) {
      return;
    }
    const std::string pod = request.namespace_ + "/" + request.hostname;
    const auto found = by_pod_.find(pod);
    if (error == nullptr) {
      if (found != by_pod_.end()) {
        order_.erase(found->second);
        by_pod_.erase(found);
      }
      return;
    }
    if (found != by_pod_.end()) {
      order_.splice(order_.end(), order_, found->second);
    } else {
      order_.emplace_back().pod = pod;
      by_pod_[pod] = std::prev(order_.end());
    }
    Refusal& refusal = order_.back().refusal;
    refusal.first_ms = refusal.times == 0 ? now : refusal.first_ms;
    refusal.request = request;
    refusal.error = *error;
    refusal.last_ms = now;
    ++refusal.times;
    if (order_.size() > most) {
      by_pod_.erase(order_.front().pod);
      order_.pop_front();
    }
  }
  // nullptr: none is remembered.
  const Refusal* of(const std::string& namespace_name, const std::string& hostname) const {
    const auto found = by_pod_.find(namespace_name + "/" + hostname);
    return found == by_pod_.end() ? nullptr : &found->second->refusal;
  }
  std::size_t size() const { return order_.size(); }

 private:
  struct Item {
    std::string pod;
    Refusal refusal;
  };
  std::list<Item> order_;  // oldest first
  std::unordered_map<std::string, std::list<Item>::iterator> by_pod_;
};

}  // namespace mooring::controller
