// Looks whether this node's ports that are behind VIPs live, as the VIPs say how (TCP connections or HTTP from the host
// to the pod, as kubelet's probes), and tells the controller: what has changed at once, and everything once a second,
// which says that the node itself lives. A node without back ends says nothing.
// Threading: the agent's one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "mooring/ipam_api/json_fields.hpp"
#include "ovs-agent/app/node_state.hpp"

namespace mooring::agent {

class VipHealth {
 public:
  // Sends a report (docs/api/rest.md, "VIPs").
  using Report = std::function<asio::awaitable<Result<void>>(ipam_api::Json report, Deadline deadline)>;

  VipHealth(NodeState& state, Report report) : state_(state), report_(std::move(report)), changed_(state.executor) {}

  // For ever.
  asio::awaitable<void> run();

 private:
  struct Probed {  // a back end, as long as it is the same container
    std::string vip;
    PortKey at;
    Generation generation = 0;
    auto operator<=>(const Probed&) const = default;
  };
  struct Probe {
    directory::VipCheck check;
    bool wanted = true;
    bool decided = false;
    bool healthy = false;
    std::uint32_t failures = 0;  // in a row
    std::string why;
  };

  // True: there are back ends here.
  bool look();
  asio::awaitable<void> probe(net::IpAddress address, std::shared_ptr<Probe> probe);
  void judge(Probe& probe, const Result<void>& answered);
  ipam_api::Json report() const;

  NodeState& state_;
  Report report_;
  Signal changed_;
  std::map<Probed, std::shared_ptr<Probe>> probes_;
};

}  // namespace mooring::agent
