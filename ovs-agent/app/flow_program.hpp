// Brings the desired flows (domain/desired_flows.hpp) into the two bridges, group by group, and waits for them.
// Threading: the agent's one thread.
#pragma once

#include <chrono>
#include <map>
#include <vector>

#include "mooring/ovs/flow_sync.hpp"
#include "ovs-agent/app/waiting.hpp"
#include "ovs-agent/domain/desired_flows.hpp"

namespace mooring::agent {

class FlowProgram {
 public:
  FlowProgram(asio::any_io_executor executor, FlowPlan plan, ovs::FlowSync& br_int, ovs::FlowSync& br_tun);

  // Computes these groups anew and hands the difference to the switches.
  void refresh(const FlowGroups& groups);
  void refresh_all();
  void directory_changed(const directory::Changes& changes);
  // The local port was put, changed or removed.
  void port_changed(const LocalPort& port);
  // What may_delete() knows has grown.
  void knowledge_grew();

  // The flows of one local port are in both bridges, past a barrier. Errors: timeout, or what the switch refused.
  asio::awaitable<Result<void>> settled(const Attachment& attachment, std::chrono::milliseconds deadline);
  // Asks both switches what they really hold; done when it is known and what differed was repaired.
  asio::awaitable<Result<void>> read_back(std::chrono::milliseconds deadline);
  // Both switches answer.
  bool connected() const { return br_int_.connected() && br_tun_.connected(); }
  // Flows that the port should have and the switch did not hold when it was last read back, or does not hold now;
  // "br-int: table=…", one each.
  std::vector<std::string> missing(const Attachment& attachment) const;

  // Of all flows: what the last read-back did not find as it should be, "br-int: table=…", sorted.
  std::vector<std::string> amiss() const;

  const FlowPlan& plan() const { return plan_; }
  std::size_t groups() const { return groups_.size(); }

 private:
  struct Programmed {
    FlowLines lines;
    std::vector<ovs::Flow> br_int, br_tun;
    std::vector<ovs::Group> br_tun_groups;
  };

  asio::any_io_executor executor_;
  FlowPlan plan_;
  ovs::FlowSync& br_int_;
  ovs::FlowSync& br_tun_;
  std::map<FlowGroup, Programmed> groups_;
  std::vector<Segment> segments_;  // of the last segment refresh
};

}  // namespace mooring::agent
