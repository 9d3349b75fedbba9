// Which flows of the switch may go although nothing desires them: only those whose object is *known* to be absent at or
// after the revision that they were made from. Not because a timer ran out, a cookie looks old or a stream is behind.
// A destination of br-tun may go, too, while the directory has the entry that it was made from: it comes on demand.
// Pure. Threading: one thread.
#pragma once

#include <optional>
#include <string_view>

#include "mooring/directory/directory.hpp"
#include "mooring/ovs/flow.hpp"
#include "ovs-agent/domain/pipeline.hpp"

namespace mooring::agent {

// `ports_known`: OVSDB has been read whole, so the local ports are all known.
bool may_delete(const ovs::Flow& flow, const directory::Directory& directory, bool ports_known);

// The (VNI, IP) of a destination or hairpin flow; none if the match has another form.
std::optional<directory::PortKey> destination_of(std::string_view match);

}  // namespace mooring::agent
