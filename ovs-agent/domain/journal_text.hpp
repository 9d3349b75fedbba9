// The text of the agent's journal: what must survive the agent's death, and of which a part must survive power loss.
// One record a line, "CRC32 JSON\n". A last line that is cut off is what a crash leaves and is left out silently; a bad
// line before it is counted.
// Pure. Threading: values.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ovs-agent/domain/local_port.hpp"

namespace mooring::agent {

// An ADD has begun: its port must not be taken for a leftover while this process lives.
struct AddBegun {
  Attachment attachment;
  std::int32_t pid = 0;
  std::uint64_t started = 0;  // of the process, in the kernel's clock ticks since boot: pids are used again
  std::string boot_id;
  std::string cni_network;
  bool operator==(const AddBegun&) const = default;
};
struct AddEnded {
  Attachment attachment;
  bool operator==(const AddEnded&) const = default;
};
// The controller has to be told that the port is free.
struct ReleaseOwed {
  std::uint64_t id = 0;
  Attachment attachment;
  std::optional<PortKey> key;  // with it, the release is by VNI + address + generation
  Generation generation = 0;   // 0: whatever the attachment holds
  std::string reason;
  // What the port was (external_ids_of()), where that is known: until the controller is told, its hostname may have the
  // addresses again (app/given_ports.hpp).
  std::map<std::string, std::string> record;
  bool operator==(const ReleaseOwed&) const = default;
};
struct ReleaseDone {
  std::uint64_t id = 0;
  bool operator==(const ReleaseDone&) const = default;
};
// An address for an interface that another main plugin makes. The journal is the only record of it on this node.
struct DelegatedGiven {
  Attachment attachment;
  std::string addresses;  // "10.0.0.5/24, fd00::5/64"
  std::string pod;        // "namespace/hostname"
  net::Vni vni;
  net::MacAddress mac;
  Generation generation = 0;
  std::string netns;  // path of the namespace
  std::string cni_network;
  std::string boot_id;
  std::int32_t pid = 0;  // of the main plugin, which goes on when it has the address
  std::uint64_t started = 0;
  bool operator==(const DelegatedGiven&) const = default;
};
struct DelegatedEnded {
  Attachment attachment;
  bool operator==(const DelegatedEnded&) const = default;
};
// This node gave addresses by itself: the controller has to be told. On the disk before the container has them.
struct GivenHere {
  Attachment attachment;
  std::string report;  // ipam_api::GivenReport, as JSON
  // What it makes void: the release that would take the addresses from it, and what the hostname was given before.
  std::uint64_t instead_of_release = 0;
  std::optional<Attachment> instead_of_given;
  bool operator==(const GivenHere&) const = default;
};
// The controller knows, or the container is gone.
struct GivenEnded {
  Attachment attachment;
  bool operator==(const GivenEnded&) const = default;
};
// Nothing of the block is given out from now on, whatever an old checkpoint of the directory says.
struct BlockReturned {
  std::string id;
  bool operator==(const BlockReturned&) const = default;
};
using JournalRecord = std::variant<AddBegun, AddEnded, ReleaseOwed, ReleaseDone, DelegatedGiven, DelegatedEnded,
                                   GivenHere, GivenEnded, BlockReturned>;

// "10.0.0.5/24, fd00::5/64" -> its parts.
std::vector<std::string> split_addresses(std::string_view addresses);

std::string write_record(const JournalRecord& record);

// What a journal adds up to.
struct JournalState {
  std::map<Attachment, AddBegun> in_flight;
  std::map<std::uint64_t, ReleaseOwed> owed;
  std::map<Attachment, DelegatedGiven> delegated;
  std::map<Attachment, GivenHere> given;
  std::deque<std::string> returned;  // blocks, the newest last
  static constexpr std::size_t most_returned = 256;
  std::uint64_t last_id = 0;
  std::size_t bad_lines = 0;
  void apply(const JournalRecord& record);
  // The shortest journal that adds up to the same.
  std::string text() const;
  bool operator==(const JournalState&) const = default;
};
JournalState read_journal(std::string_view text);

}  // namespace mooring::agent
