// The node's Open vSwitch database: a live replica of the columns that Mooring uses, and transactions.
//
// API: asynchronous; nothing here blocks the owner. Snapshots are immutable. Transactions are lists of *ensure*
// operations: what is there already is left alone, so repeating one is harmless; lost races are retried inside.
// Threading: call from one thread (the owner's); the connection lives on a thread of its own; callbacks come through
// Post. Failures: a lost connection is redialled for ever (about every 100 ms); the state says `connected` or not.
// Performance: connecting takes ~1 ms, a transaction ~1 ms, waiting for vswitchd 3-9 ms more.
// Source: RFC 7047, ovs-vswitchd.conf.db(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/ovs/library.hpp"
#include "mooring/ovs/ovsdb_state.hpp"

namespace mooring::ovs {

// Maps are merged into the row's: keys that are not named stay.
struct EnsureBridge {
  std::string name;
  std::string datapath_type;           // "" = leave as it is
  std::string fail_mode;               // "" = leave as it is
  std::vector<std::string> protocols;  // {"OpenFlow13", "OpenFlow15"}; empty = leave as they are
  StringMap other_config;
  StringMap external_ids;
};
struct DeleteBridge {
  std::string name;
};
// The port and its one interface, both called `name`. `conflict` if another bridge has it.
struct AddPort {
  std::string bridge;
  std::string name;
  std::string type;                  // "" = system, "internal", "patch", "vxlan"
  std::uint32_t ofport_request = 0;  // 0 = none
  std::uint32_t mtu_request = 0;     // bytes, 0 = none
  std::string mac;                   // "" = none; for internal ports
  StringMap options;
  StringMap external_ids;
  StringMap bfd;  // "enable", "min_tx", …: of a tunnel
};
struct DeletePort {
  std::string bridge;
  std::string name;
};
// An empty value removes the key.
struct SetOtherConfig {
  StringMap other_config;  // of the Open_vSwitch row
};
using OvsdbOperation = std::variant<EnsureBridge, DeleteBridge, AddPort, DeletePort, SetOtherConfig>;

struct OvsdbTransaction {
  std::string purpose;  // for messages: "making br-int"
  std::vector<OvsdbOperation> operations;
  // Also wait until vswitchd has applied it; an interface of an AddPort that it could not open is then an error.
  bool wait_for_vswitchd = true;
  std::chrono::milliseconds deadline{5000};
};

class Ovsdb {
 public:
  using Changed = std::function<void(std::shared_ptr<const OvsdbState>)>;
  using Committed = std::function<void(Result<void>)>;

  // `remote` = "unix:/run/openvswitch/db.sock" (absolute path). Connects at once. `changed` gets the newest state;
  // states that the owner was too slow for are left out.
  Ovsdb(std::string remote, Post post, Changed changed);
  ~Ovsdb();
  Ovsdb(const Ovsdb&) = delete;
  Ovsdb& operator=(const Ovsdb&) = delete;

  // The newest state; from any thread, never null.
  std::shared_ptr<const OvsdbState> state() const;

  // `unavailable` or `timeout` when the deadline passed before the database, or vswitchd, had it (a connection that is
  // away may come back within the deadline); `conflict`, `not_found` by the operations; `io` if vswitchd could not open
  // an interface. After `timeout` in the wait for vswitchd the transaction itself *is* committed.
  void commit(OvsdbTransaction transaction, Committed done);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace mooring::ovs
