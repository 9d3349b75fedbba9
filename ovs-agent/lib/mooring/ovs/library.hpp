// What every user of mooring::ovs needs first: the library's start, and how its threads speak to their owner.
//
// libopenvswitch keeps global state (program name, log levels, signal handlers) and asserts that it is set up while the
// process has one thread. initialise() therefore belongs at the head of main().
#pragma once

#include <functional>
#include <string>

namespace mooring::ovs {

// Runs a function on the owner's thread, later; must be callable from any thread and never run it in place.
// With Asio: [&io](auto f) { boost::asio::post(io, std::move(f)); }.
//
// Objects of this library call their callbacks only through it. After an object is destroyed none of its callbacks runs
// any more, not even those that were already posted. Destroy it on the owner's thread, and not from inside one of its
// own callbacks.
using Post = std::function<void(std::function<void()>)>;

// Sets libopenvswitch up: its log goes neither to stderr nor to syslog, and the host program's signal dispositions stay
// as they are. `program` is what OVSDB and the switch log about us. Call it from main() before any thread is started;
// later calls do nothing.
void initialise(const std::string& program);

}  // namespace mooring::ovs
