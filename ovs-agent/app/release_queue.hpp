// Tells the controller that ports are free, and does not forget it: what it could not be told now is in the journal, on
// the disk, and tried again with a growing pause until it is told.
// Threading: the agent's one thread.
#pragma once

#include "ovs-agent/app/node_state.hpp"
#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

class ReleaseQueue {
 public:
  struct Outcome {
    bool told = false;      // the controller has answered
    bool released = false;  // … and it was the current holder
  };
  ReleaseQueue(NodeState& state, ControllerPort& controller, JournalPort& journal);

  // Tells it now, within `deadline`, or owes it. An error: the journal could not be written.
  asio::awaitable<Result<Outcome>> release(ReleaseOwed release, Deadline deadline);
  // Only owes it.
  Result<void> owe(ReleaseOwed release);
  // The attachment gets a new port: a release that would hit whatever it holds is off.
  void attachment_is_used_again(const Attachment& attachment);
  // Has a DEL of it been promised?
  bool owes(const Attachment& attachment, Generation generation) const;
  // Pays what is owed, for ever.
  asio::awaitable<void> run();
  std::size_t owed() const { return journal_.state().owed.size(); }
  // Of these, what the controller holds until an operator decides.
  std::size_t held() const { return held_.size(); }

 private:
  // False: the controller could not be told.
  asio::awaitable<bool> pay(ReleaseOwed release);
  asio::awaitable<Result<ipam_api::ReleaseAnswer>> tell(ReleaseOwed release, Deadline deadline);

  NodeState& state_;
  ControllerPort& controller_;
  JournalPort& journal_;
  std::map<std::uint64_t, Deadline> held_;  // id -> when to ask again
  Signal more_;
};

}  // namespace mooring::agent
