// What the CNI plugin asks for: attach, confirm, detach, check (docs/api/agent.md).
// Every wait has a deadline. Threading: the agent's one thread; calls for several attachments run at once.
#pragma once

#include "mooring/agent_api/messages.hpp"
#include "ovs-agent/app/flow_program.hpp"
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
    std::string ovsdb;  // what the plugin dials
  };
  explicit Attachments(Parts parts) : parts_(std::move(parts)) {}

  asio::awaitable<Result<agent_api::AttachAnswer>> attach(agent_api::AttachRequest request, Caller caller);
  asio::awaitable<Result<void>> confirm(agent_api::ConfirmRequest request);
  asio::awaitable<Result<agent_api::DetachAnswer>> detach(agent_api::DetachRequest request);
  asio::awaitable<Result<agent_api::CheckAnswer>> check(agent_api::CheckRequest request);

  // The plugin's notes of DELs that nobody heard: each becomes a release that is owed, and is gone then.
  Result<void> take_notes();

  // Empty: an ADD can be served. Else one sentence each.
  std::vector<std::string> not_ready() const;
  // Attachments whose ADD is in flight and whose plugin lives; forgets the others.
  std::set<Attachment> in_flight();

 private:
  asio::awaitable<Result<void>> wait_until_ready(Deadline deadline);
  asio::awaitable<Result<std::uint32_t>> wait_for_ofport(Attachment attachment, Generation generation,
                                                         Deadline deadline);
  Result<LocalPort> open_port(const Attachment& attachment, Generation generation) const;
  // What the controller has given to an ADD that cannot use it.
  void give_back(const Attachment& attachment, const ipam_api::Allocation& allocation, const std::string& reason);
  void end_add(const Attachment& attachment);

  Parts parts_;
};

}  // namespace mooring::agent
