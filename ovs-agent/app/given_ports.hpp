// While the controller is away: addresses that this node gives by itself (domain/given.hpp says which), told to the
// controller when it is back; and the blocks of addresses that the node leases for that time, and gives back when it is
// asked for them.
//
// An address is in the journal, on the disk, before anybody has it, and stays there until the controller knows of it or
// the container is gone: no restart and no power loss makes the node give it twice.
// Threading: the agent's one thread.
#pragma once

#include "ovs-agent/app/port_table.hpp"
#include "ovs-agent/app/release_queue.hpp"
#include "ovs-agent/domain/given.hpp"

namespace mooring::agent {

class GivenPorts {
 public:
  struct Settings {
    std::string pool;               // lease blocks of it; "": use those that an admin leases to the node
    std::uint32_t block_size = 16;  // addresses that are leased at a time
    std::string heard_file;         // its age: how long ago the controller was heard, for blocks with a time
  };
  GivenPorts(NodeState& state, PortTable& table, ReleaseQueue& releases, ControllerPort& controller, KernelPort& kernel,
             JournalPort& journal, SwitchPort& bridge, Settings settings);

  struct Given {
    ipam_api::Allocation allocation;
    std::string given;  // PortRecord::given
  };
  // For an ADD that the controller could not be asked for (`why`). Errors: `why`, and why the node cannot help.
  Result<Given> give(const ipam_api::AllocateRequest& request, const Error& why);
  // Would give() have an address of a block? Nothing is given, nothing is kept. Errors: allocation_from_block()'s.
  Result<void> try_give(const ipam_api::AllocateRequest& request) const;
  // Is there a chance that give() has something? Then the controller is not waited for long.
  bool may_give(const ipam_api::AllocateRequest& request) const;
  // The ADD failed after give().
  void take_back(const Attachment& attachment);

  // Leases, gives back, reports: for ever.
  asio::awaitable<void> run();

  struct Counters {
    std::uint64_t of_block = 0, passed_on = 0, reported = 0, refused = 0, leased = 0, returned = 0;
  };
  const Counters& counters() const { return counters_; }
  // Addresses of own blocks that could be given out now.
  std::size_t spare() const;
  std::size_t unreported() const { return journal_.state().given.size(); }

 private:
  struct Former {
    PortRecord record;
    std::uint64_t release = 0;        // that is owed for it
    std::optional<Attachment> given;  // the node had given it by itself
    std::optional<Attachment> in_place_of;
  };
  struct Retry {
    Deadline at;
    std::string problem;
  };
  Result<std::optional<Former>> former_of(const ipam_api::AllocateRequest& request) const;
  Result<Given> pass_on(const ipam_api::AllocateRequest& request, Former former);
  Result<Given> keep(const ipam_api::AllocateRequest& request, ipam_api::Allocation allocation, GivenHere record,
                     std::optional<Attachment> in_place_of);
  bool gone(const PortRecord& record) const;
  BlockUse block_use() const;
  bool may_use(const directory::Block& block) const;
  bool taken(PortKey key, const std::set<PortKey>& given) const;
  std::set<PortKey> given_keys() const;
  void sweep();
  void end(const Attachment& attachment, const ipam_api::GivenReport& report);
  asio::awaitable<void> report_all();
  asio::awaitable<void> report_one(Attachment attachment, ipam_api::GivenReport report);
  asio::awaitable<Result<void>> adopted(Attachment attachment, ipam_api::Allocation allocation);
  asio::awaitable<void> return_blocks();
  asio::awaitable<void> lease_blocks();
  std::size_t spare(net::Family family) const;
  bool in_use(const directory::Block& block) const;
  void note_heard();

  NodeState& state_;
  PortTable& table_;
  ReleaseQueue& releases_;
  ControllerPort& controller_;
  KernelPort& kernel_;
  JournalPort& journal_;
  SwitchPort& switch_;
  Settings settings_;
  PortKey last_;                            // given of a block
  std::map<Attachment, Deadline> gone_at_;  // given ports whose container is gone: when they are forgotten
  std::map<Attachment, Retry> retries_;     // reports that were refused
  std::optional<Deadline> settled_;         // since the controller is back, and a while for others
  std::optional<Deadline> lease_at_;
  Deadline note_heard_at_{};
  std::string lease_problem_;
  Counters counters_;
};

}  // namespace mooring::agent
