// The flows of access rules on a gateway's bridge (docs/ovs-pipeline.md, tables 31 to 34; docs/howto/access-rules.md).
//
// A rule is a conjunctive match: blocks of the one side, blocks of the other, ports. So a rule of 1,000 blocks for
// 1,000 blocks is 2,000 flows, and one more block is one more flow. Rules keep no state: what opens a connection is
// judged, what goes on in it passes.
//
// Source: ovs-fields(7), conj_id; ovs-actions(7), conjunction. Pure. Threading: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/flow.hpp"

namespace mooring::gateway {

using ipam_api::AccessDirection;

// Of a rule's flows: direction and order, which no two rules of a network have alike.
using AccessId = std::uint32_t;
AccessId access_id_of(const ipam_api::AccessTerms& terms);
// Of a flow; none: it is of no rule.
std::optional<AccessId> access_id_of(std::uint64_t cookie);

// The rule of a network with that id; nullptr: none.
const directory::AccessRule* access_rule_with(const directory::Directory& directory, std::string_view network,
                                              AccessId id);

// What is the same whatever the rules are: everything passes.
std::vector<std::string> access_fixed_lines();
// What has to be judged; nothing where the network has no rules for that direction.
std::vector<std::string> access_gate_lines(const directory::Directory& directory, std::string_view network);
// None if a side of the rule is empty now, as a list without addresses.
std::vector<std::string> access_rule_lines(const directory::Directory& directory, const directory::AccessRule& rule);

// "value/mask" of 16 bits, in hexadecimal: exactly the ports of the range.
std::vector<std::string> port_masks(ipam_api::PortRange range);

// Changed in one bundle, before all others: between two states of the rules there is no third.
bool is_access_flow(const ovs::FlowKey& key);

}  // namespace mooring::gateway
