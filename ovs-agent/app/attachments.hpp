// What the CNI plugin asks for: attach, confirm, detach, check (docs/api/agent.md).
// Every wait has a deadline. Threading: the agent's one thread; calls for several attachments run at once.
#pragma once

#include "mooring/agent_api/messages.hpp"
#include "ovs-agent/app/flow_program.hpp"
#include "ovs-agent/app/given_ports.hpp"
#include "ovs-agent/app/node_state.hpp"
#include "ovs-agent/app/port_table.hpp"
#include "ovs-agent/app/release_queue.hpp"

namespace mooring::agent {

// Who made the call: an ADD is in flight while this process lives.
struct Caller {
  std::int32_t pid = 0;
};

class Attachments {
 public:
  struct Parts {
    NodeState& state;
    PortTable& table;
    FlowProgram& flows;
    ReleaseQueue& releases;
    ControllerPort& controller;
    KernelPort& kernel;
    JournalPort& journal;
    NotesPort& notes;
    GivenPorts& given;
    std::string ovsdb;  // what the plugin dials
  };
  explicit Attachments(Parts parts) : parts_(std::move(parts)) {}

  asio::awaitable<Result<agent_api::AttachAnswer>> attach(agent_api::AttachRequest request, Caller caller);
  asio::awaitable<Result<void>> confirm(agent_api::ConfirmRequest request);
  asio::awaitable<Result<agent_api::DetachAnswer>> detach(agent_api::DetachRequest request);
  asio::awaitable<Result<agent_api::CheckAnswer>> check(agent_api::CheckRequest request);

  // The plugin's notes of DELs that nobody heard: each becomes a release that is owed, and is gone then.
  Result<void> take_notes();

  // The first and the last step of an ADD, whoever makes the interface.
  // begin_add: journals it; already_exists if another ADD of it is under way, or it is attached.
  Result<AddBegun> begin_add(const agent_api::AttachRequest& request, Caller caller);
  ipam_api::AllocateRequest allocate_request(agent_api::AttachRequest request) const;
  // What the controller has given to an ADD that cannot use it.
  void give_back(const Attachment& attachment, const ipam_api::Allocation& allocation, const std::string& reason);
  // "" if the controller has the attachment with this generation, or cannot be asked now.
  asio::awaitable<std::string> controllers_objection(Attachment attachment, Generation generation, Deadline deadline);

  // Empty: an ADD can be served. Else one sentence each.
  std::vector<std::string> not_ready() const;
  // Attachments whose ADD is in flight and whose plugin lives. (What the others left: app/leftovers.hpp.)
  std::set<Attachment> in_flight() const;
  // The ADD is over, one way or the other.
  void end_add(const Attachment& attachment);
  // It has no delegated address any more (app/delegated_ports.hpp); fine if it had none.
  void forget_delegated(const Attachment& attachment);

 private:
  // By the controller, or by the node itself where the controller is away and the node may.
  asio::awaitable<Result<GivenPorts::Given>> addresses_for(ipam_api::AllocateRequest wish);
  asio::awaitable<Result<void>> tell_confirmed(Attachment attachment, Generation generation, Deadline deadline);
  asio::awaitable<Result<void>> wait_until_ready(Deadline deadline);
  asio::awaitable<Result<std::uint32_t>> wait_for_ofport(Attachment attachment, Generation generation,
                                                         Deadline deadline);
  Result<LocalPort> open_port(const Attachment& attachment, Generation generation) const;
  Result<void> require_new(const Attachment& attachment, Caller caller) const;

  Parts parts_;
};

}  // namespace mooring::agent
