// What the doctor's checks share: the node's settings, what could be read of it, and the findings. The checks work with
// the agent, Open vSwitch and the controller up or down: each says what it could not look at.
// Threading: one thread; calls block, each within seconds.
#pragma once

#include <memory>
#include <optional>

#include <boost/asio/io_context.hpp>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/ovsdb_state.hpp"
#include "ovs-agent/config.hpp"
#include "ovs-agent/doctor/findings.hpp"

namespace mooring::agent::doctor {

struct Examination {
  explicit Examination(const Config& config_) : config(config_), directory(config_.name) {}

  const Config& config;
  Findings findings;
  directory::Directory directory;  // of the agent's checkpoint: who else is there
  bool knows_directory = false;
  std::shared_ptr<const ovs::OvsdbState> ovsdb;  // null: it does not answer
  bool userspace = false;
  std::optional<std::string> agents_flows;  // GET /v1/flows of the agent; none: it is down
  std::uint32_t vtep_mtu_bytes = 0;         // of the link that has the VTEP; 0: none has

  // Of the subnets that are known, as their pods have it on this node; 0: none is.
  std::uint32_t largest_mtu_bytes() const;
};

// Each adds its findings. In this order: later ones use what earlier ones have read.
void read_checkpoint(Examination& node);
void check_agent(Examination& node);
void check_controller(Examination& node);
void check_ovsdb(Examination& node);
void check_vswitchd(Examination& node);
void check_bridges(Examination& node);
void check_flows(Examination& node);
void check_vtep(Examination& node);
void check_mtu(Examination& node);
void check_offload(Examination& node);
void check_buffers(Examination& node);
void check_peers(Examination& node);

}  // namespace mooring::agent::doctor
