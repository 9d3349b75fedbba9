// Keeps the local ports in line with what OVSDB, ADDs and DELs say, and tells the flows and the host's routes.
// Threading: the agent's one thread.
#pragma once

#include "ovs-agent/app/flow_program.hpp"
#include "ovs-agent/app/node_state.hpp"
#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

class PortTable {
 public:
  PortTable(NodeState& state, FlowProgram& flows, KernelPort& kernel);

  // A new state of OVSDB: rows that came, changed, went.
  void ovsdb_changed(std::shared_ptr<const ovs::OvsdbState> ovsdb);
  void directory_changed(const directory::Changes& changes);

  // An ADD was answered: the port is expected, under an ofport that is reserved now. exhausted: no number is left.
  Result<const LocalPort*> expect(PortRecord record);
  // Its row is there and its ADD is over.
  void confirmed(const Attachment& attachment);
  // The controller knows of a port that this node gave its addresses: it has the controller's generation now.
  void told(const Attachment& attachment, Generation generation);
  // Shuts the port; it stays known until drop().
  void leave(const Attachment& attachment);
  // No longer one of ours; a row that is still in OVSDB under that attachment is not taken for a port again.
  void drop(const Attachment& attachment, Generation generation);

  // The interface row of a port; null while it is not there, or is one of an older generation.
  const ovs::OvsInterface* row_of(const LocalPort& port) const;
  // vswitchd gave another number than the reserved one.
  void use_ofport(const Attachment& attachment, std::uint32_t ofport);

  // Ports whose rows went because the whole database was made anew; each is told once.
  std::vector<LocalPort> lost_ports();

  // Routes of the host to open local ports. `read_back`: compare with the kernel too.
  void sync_host_routes(bool read_back);
  // Gates depend on the directory's revision too: looks at all ports again.
  void look_again();

 private:
  bool has_row(const Attachment& attachment, const std::string& interface,
               const std::set<std::string>& changed_rows) const;
  void rows_gone(const std::vector<Attachment>& gone);
  void row_seen(const std::string& name, const ovs::OvsInterface& interface);
  void changed(const LocalPort& port);
  std::optional<std::uint32_t> host_route_to(net::IpAddress address) const;
  bool is_own_extra(PortKey key) const;
  std::vector<PortKey> keys_of(const LocalPort& port) const;  // its own addresses and its extra ones
  void sync_host_route(net::IpAddress address);
  void routes_were_set(const Result<void>& set);

  NodeState& state_;
  FlowProgram& flows_;
  KernelPort& kernel_;
  std::string database_id_;
  std::vector<Attachment> lost_;
  std::string last_route_error_;
};

}  // namespace mooring::agent
