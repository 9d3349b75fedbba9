// The CNI commands. Each is a short story; skel.cpp chooses one and prints its answer.
#pragma once

#include "cni-plugin/call.hpp"
#include "cni-plugin/interruption.hpp"
#include "cni-plugin/net_conf.hpp"
#include "cni-plugin/undo.hpp"

namespace mooring::cni {

// An ADD that is done but not told yet: unless `undo` is dismissed, it takes everything back.
struct Added {
  Json result;
  Undo undo;
};
Result<Added> add(const Call& call, const NetConf& conf, const Interruption& interruption);

// Succeeds with anything away; fails only if calling it again can help.
Result<void> del(const Call& call, const NetConf& conf, const Interruption& interruption);

Result<void> check(const Call& call, const NetConf& conf, const Interruption& interruption);

// Removes what the runtime no longer has of this network. Fails if something could not be removed; what could is gone.
Result<void> gc(const NetConf& conf, const Interruption& interruption);

Result<void> status(const NetConf& conf, const Interruption& interruption);
// Of the node alone, as its agent sees it: whether there is an address for a new pod is not asked.
Result<void> node_status(const NetConf& conf, const Interruption& interruption);

// Needs no configuration; `asked` is the version in it, or "".
Json version(const std::string& asked);

}  // namespace mooring::cni
