// What the agent knows, in one place, owned by its one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/ovsdb_state.hpp"
#include "ovs-agent/app/waiting.hpp"
#include "ovs-agent/domain/local_ports.hpp"
#include "ovs-agent/domain/ofports.hpp"
#include "ovs-agent/domain/working_set.hpp"

namespace mooring::agent {

struct NodeState {
  NodeState(asio::any_io_executor executor_, std::string node_, std::string boot_id_,
            WorkingSet::Settings destinations_ = {})
      : executor(executor_),
        node(std::move(node_)),
        boot_id(std::move(boot_id_)),
        directory(node),
        destinations(destinations_),
        changed(executor_) {}

  asio::any_io_executor executor;
  std::string node;
  std::string boot_id;

  directory::Directory directory;
  LocalPorts ports;
  Ofports ofports;
  WorkingSet destinations;  // of br-tun
  // DEL is done, its row is still in OVSDB: not to be taken for a port again. -> its generation; none: any.
  std::map<Attachment, std::optional<Generation>> detached;

  std::shared_ptr<const ovs::OvsdbState> ovsdb = std::make_shared<ovs::OvsdbState>();
  bool ovsdb_read = false;     // a whole replica has been there once
  bool bridges_ready = false;  // both bridges, their ports and mooring0 are as they should be
  bool earlier_boot_done = false;
  bool userspace_datapath = false;
  std::string switch_problem;  // why the bridges are not ready; "" if they are

  Signal changed;  // any of the above

  struct Counters {
    std::uint64_t adds = 0, add_failures = 0, dels = 0, superseded = 0, reconcile_passes = 0, reconciled = 0, holds = 0;
    std::uint64_t gc_removed = 0, gc_refused = 0;
    std::size_t held_now = 0;
  } counters;
};

}  // namespace mooring::agent
