// How DEL leaves a veth pair for the agent to delete. Unregistering a link costs 20 ms and more of waiting for the
// kernel, one after the other; a whole group goes by one message for about 1 ms each. So DEL takes the pair down,
// renames both ends (an ADD of the same attachment may come at once and wants the names) and puts the host end into
// this group.
#pragma once

#include <cstdint>

namespace mooring::agent_api {

// Ours alone on a node: every link in it is deleted. "moor" in ASCII.
inline constexpr std::uint32_t retired_link_group = 0x6d6f6f72;
// The kernel puts a number for %d.
inline constexpr const char* retired_link_name = "gone-mo%d";

}  // namespace mooring::agent_api
