// Addresses that a node gives out by itself while the controller is away: who may have one, and which
// (docs/howto/controller-away.md). Two kinds:
//
//   of a block      new stateless pods: the next free address of the blocks that are leased to the node
//   passed on       a hostname that comes again on its node: what the controller still has under its former attachment
//
// Pure. Threading: values.
#pragma once

#include <functional>
#include <string>

#include "mooring/directory/directory.hpp"
#include "mooring/ipam_api/given.hpp"
#include "ovs-agent/domain/journal_text.hpp"

namespace mooring::agent {

// A deployment's pod, "web-7d9c5b7f6d-x2k4p": a name that nothing can have been bound to before.
bool is_of_deployment(std::string_view hostname);

// "": the node may serve it from a block. Else why only the controller can: nothing that it may know of the hostname,
// a binding above all, must be passed over.
std::string why_not_from_block(const ipam_api::AllocateRequest& request);

// May the block be given out of, and is the address in use?
struct BlockUse {
  std::function<bool(const directory::Block&)> may_use;
  std::function<bool(PortKey)> taken;
};
// One address of each family that the pool has, behind `after` in turn. Errors: exhausted, with counts;
// not_found (no block that fits); permission_denied (why_not_from_block()).
Result<ipam_api::Allocation> allocation_from_block(const ipam_api::AllocateRequest& request,
                                                   const directory::Directory& directory, const BlockUse& use,
                                                   PortKey after);

// What `former` had, for the hostname that comes again. Errors: conflict (it wishes for something else), not_found (the
// subnet is not known).
Result<ipam_api::Allocation> allocation_passed_on(const ipam_api::AllocateRequest& request, const PortRecord& former,
                                                  const directory::Directory& directory);

ipam_api::GivenReport report_of(const ipam_api::AllocateRequest& request, const ipam_api::Allocation& allocation,
                                const std::optional<Attachment>& in_place_of);
// As the controller has it: the port under the attachment that it was passed on from.
PortRecord former_port(const ipam_api::GivenReport& report, const directory::Directory& directory);

// What the journal says of it; none if this version cannot read it.
std::optional<ipam_api::GivenReport> report_in(const GivenHere& given);
// Does a port that the node passed on rest on what the controller has under this attachment? Then that is not released.
bool passed_on_from(const JournalState& journal, const Attachment& former);

}  // namespace mooring::agent
