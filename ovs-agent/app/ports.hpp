// What the agent's use cases need from the world; adapters/ has the real ones.
// Threading: the agent's one thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/ipam_api/given.hpp"
#include "mooring/ipam_api/inventory.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "ovs-agent/app/waiting.hpp"
#include "ovs-agent/domain/journal_text.hpp"

namespace mooring::agent {

// The controller, on the warm connection. Errors: the controller's own, or unavailable, timeout.
class ControllerPort {
 public:
  virtual ~ControllerPort() = default;
  virtual asio::awaitable<Result<ipam_api::Allocation>> allocate(ipam_api::AllocateRequest request,
                                                                 Deadline deadline) = 0;
  // Would allocate() give something? Nothing is written.
  virtual asio::awaitable<Result<void>> try_allocate(ipam_api::AllocateRequest request, Deadline deadline) = 0;
  virtual asio::awaitable<Result<void>> confirm(ipam_api::ConfirmRequest request, Deadline deadline) = 0;
  virtual asio::awaitable<Result<ipam_api::ReleaseAnswer>> release(ipam_api::ReleaseRequest request,
                                                                   Deadline deadline) = 0;
  // What this node gave by itself while the controller was away: the port, with the generation that it has now.
  virtual asio::awaitable<Result<ipam_api::Allocation>> given(ipam_api::GivenReport report, Deadline deadline) = 0;
  // A block of addresses of the pool; the directory shows it in a moment.
  virtual asio::awaitable<Result<void>> lease_block(std::string pool, std::uint32_t count, net::Family family,
                                                    Deadline deadline) = 0;
  virtual asio::awaitable<Result<void>> return_block(std::string id, Deadline deadline) = 0;
  // Unasked: what this node has.
  virtual asio::awaitable<Result<void>> report(ipam_api::NodeInventory inventory, Deadline deadline) = 0;
  virtual bool connected() const = 0;
};

// br-int's ports in OVSDB.
class SwitchPort {
 public:
  virtual ~SwitchPort() = default;
  // What is not there is fine.
  virtual asio::awaitable<Result<void>> delete_ports(std::vector<std::string> interfaces) = 0;
  // Rows of ports whose links are there, as the plugin had made them. What is there already is fine.
  virtual asio::awaitable<Result<void>> restore_ports(std::vector<LocalPort> ports) = 0;
};

// The node's kernel.
class KernelPort {
 public:
  virtual ~KernelPort() = default;
  // Names of all links in the node's namespace.
  virtual Result<std::set<std::string>> links() = 0;
  // What is not there is fine.
  virtual Result<void> delete_link(const std::string& name) = 0;
  // The tap device that the plugin made for this attachment, if there is one.
  virtual Result<void> delete_tap(const std::string& netns, const Attachment& attachment) = 0;
  // MTU in bytes of the link that has the address. not_found: none has it.
  virtual Result<std::uint32_t> mtu_at(net::Ipv4Address address) = 0;
  // Out of use at once, and deleted by the next sweep with others of its kind: for many. What is not there is fine.
  virtual Result<void> retire_link(const std::string& name) = 0;
  // Links that DEL has retired (mooring/agent_api/retired_link.hpp) will go soon, many at once. Does not wait.
  virtual void sweep_retired_links() = 0;
  // Exactly these routes, each to one address, lead to local pods; value: MTU in bytes, 0 = the link's. `read_back`: do
  // not trust what we remember of them.
  virtual Result<void> set_host_routes(const std::map<net::IpAddress, std::uint32_t>& routes, bool read_back) = 0;
  // The same for one address alone; none: no route.
  virtual Result<void> set_host_route(net::IpAddress to, std::optional<std::uint32_t> mtu_bytes) = 0;
  // Does the path lead to a network namespace that lives?
  virtual bool namespace_alive(const std::string& path) const = 0;
  // Does the namespace have an interface of that name?
  virtual bool interface_alive(const std::string& netns, const std::string& name) const = 0;
  // Is the process that began the ADD still the same one, and alive?
  virtual bool alive(const AddBegun& add) const = 0;
  // Of a live process, for AddBegun; 0 if there is none.
  virtual std::uint64_t started(std::int32_t pid) const = 0;
  // Of a process; 0 if there is none.
  virtual std::int32_t parent(std::int32_t pid) const = 0;
};

// What the CNI plugin deleted while the agent was away.
class NotesPort {
 public:
  virtual ~NotesPort() = default;
  virtual std::vector<agent_api::DeletedNote> read() = 0;
  virtual void forget(const Attachment& attachment) = 0;
};

// What must survive the agent (docs: domain/journal_text.hpp).
class JournalPort {
 public:
  virtual ~JournalPort() = default;
  virtual const JournalState& state() const = 0;
  // Survives the agent's death.
  virtual Result<void> note(const JournalRecord& record) = 0;
  // Survives power loss too: on the disk when it returns.
  virtual Result<void> note_durably(const JournalRecord& record) = 0;
};

}  // namespace mooring::agent
