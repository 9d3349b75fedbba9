// What is known of an Open vSwitch database, as an immutable value.
// Source: ovs-vswitchd.conf.db(5). Threading: values; snapshots are shared and never change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace mooring::ovs {

using StringMap = std::map<std::string, std::string, std::less<>>;

struct OvsInterface {
  std::string name;
  std::string port;  // the Port row that holds it: the same name unless it is a bond's
  std::string type;  // "" = system
  // None: vswitchd has not decided yet, or could not open the device (then `error` says why).
  std::optional<std::uint32_t> ofport;
  std::string error;  // may also tell of a passing state while there is an ofport: a patch port without its peer
  std::string mac_in_use;
  StringMap external_ids;
  StringMap options;
  StringMap bfd;                // of the tunnel, RFC 5880: what is wished
  bool bfd_forwarding = false;  // the other end answers, and says that it forwards
  bool operator==(const OvsInterface&) const = default;
};

struct OvsBridge {
  std::string name;
  std::string datapath_type;  // "netdev", "system" or ""
  std::string datapath_id;    // "" until vswitchd made the bridge
  std::string fail_mode;      // "secure", "standalone" or ""
  std::map<std::string, std::shared_ptr<const OvsInterface>, std::less<>> interfaces;  // by name
};

struct OvsdbState {
  bool connected = false;   // now; the rest is the last that was seen
  std::uint64_t seqno = 0;  // grows with every change of this value
  std::string database_id;  // UUID of the Open_vSwitch row: another one = the database was made anew
  std::string ovs_version;
  std::set<std::string, std::less<>> datapath_types;  // "netdev", "system": empty until vswitchd has run
  StringMap external_ids, other_config;               // of the Open_vSwitch row
  std::int64_t next_cfg = 0;                          // asked of vswitchd
  std::int64_t cur_cfg = 0;                           // done by vswitchd
  std::map<std::string, OvsBridge, std::less<>> bridges;

  // Null if there is none.
  const OvsBridge* bridge(std::string_view name) const;
  const OvsInterface* interface(std::string_view bridge, std::string_view name) const;
};

}  // namespace mooring::ovs
