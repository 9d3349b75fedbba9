// The watch stream (docs/api/watch.md): its frames, one JSON object a line, and the digest that guards against drift.
// A pure protocol: text in, values out, and the reverse; no I/O, no clock.
//
// Bounds: a line is at most 1 MiB, JSON is nested at most 64 deep, a frame holds what fits a line.
// Errors: a line that breaks the contract is Errc::invalid_argument with the frame's type and the field; nothing
// throws. Frame types and fields that this version does not know are no errors: `Unknown`, or ignored. Threading:
// values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::ipam_api {

// VNI for ports and blocks, 0 for everything else.
using Shard = std::uint32_t;

inline constexpr std::size_t max_line_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_entries_a_frame = 500;  // of ENTRIES, as the controller writes them

// The kinds of version 1. A later version may send others: a reader keeps them (they count in the digest) and uses them
// for nothing.
namespace entry_kind {
inline constexpr std::string_view port = "port";
inline constexpr std::string_view network = "network";
inline constexpr std::string_view subnet = "subnet";
inline constexpr std::string_view pool = "pool";
inline constexpr std::string_view node = "node";
inline constexpr std::string_view gateway = "gateway";
// The IPv6 halves of dual-stack objects, addresses leased to nodes, and addresses that move between ports.
inline constexpr std::string_view port6 = "port6";
inline constexpr std::string_view subnet6 = "subnet6";
inline constexpr std::string_view pool6 = "pool6";
inline constexpr std::string_view block = "block";
inline constexpr std::string_view extra = "extra";
// What gateways let pass, and blocks of the lists that these rules name.
inline constexpr std::string_view access_rule = "access-rule";
inline constexpr std::string_view listed = "listed";
// Addresses whose connections go to pods (docs/howto/vips.md).
inline constexpr std::string_view vip = "vip";
}  // namespace entry_kind

// One object of the directory as of `revision`, or, with `deleted`, its tombstone. (kind, shard, key) names it.
struct Entry {
  std::string kind;  // 1..32 bytes
  Shard shard = 0;
  std::string key;            // 1..253 bytes
  Revision revision = 0;      // of the transaction that wrote it
  Generation generation = 0;  // ports and blocks only; 0 = none
  bool deleted = false;       // tombstone: `value` is null then
  Json value = Json::object();
  bool operator==(const Entry&) const = default;
};

// 64 bits, written as 16 lower-case hexadecimal digits.
using Digest = std::uint64_t;

struct Hello {
  int protocol = 0;
  std::string incarnation;
  Revision revision = 0;  // of the store, now
  bool resume = false;    // true: deltas after the reader's revision follow; false: a snapshot
  std::uint32_t heartbeat_seconds = 0;
  bool operator==(const Hello&) const = default;
};
struct Entries {
  Shard shard = 0;
  std::vector<Entry> entries;  // all of `shard`, no tombstones
  bool operator==(const Entries&) const = default;
};
struct EndOfSnapshot {
  Shard shard = 0;
  Revision revision = 0;
  std::uint64_t count = 0;
  Digest digest = 0;
  bool operator==(const EndOfSnapshot&) const = default;
};
struct EndOfSnapshots {
  Revision revision = 0;
  std::vector<Shard> shards;  // every shard that has an entry
  bool operator==(const EndOfSnapshots&) const = default;
};
struct Changes {
  Revision revision = 0;
  std::vector<Entry> changes;  // none has a revision above `revision`
  bool operator==(const Changes&) const = default;
};
struct Heartbeat {
  Revision revision = 0;
  Digest digest = 0;  // over all shards
  bool operator==(const Heartbeat&) const = default;
};
struct Query {
  std::string id;
  std::string question;
  Json arguments = Json::object();
  bool operator==(const Query&) const = default;
};
struct Goodbye {
  std::string title;  // "superseded", "shutdown", "too-slow"
  std::string detail;
  bool operator==(const Goodbye&) const = default;
};
// A well-formed frame of a type that this version does not know.
struct Unknown {
  std::string type;
  bool operator==(const Unknown&) const = default;
};

using Frame = std::variant<Hello, Entries, EndOfSnapshot, EndOfSnapshots, Changes, Heartbeat, Query, Goodbye, Unknown>;

// `line` without its newline (a "\r" before it is tolerated as JSON white space).
Result<Frame> parse_frame(std::string_view line);
// Canonical key order, one line with its newline. Strings that are no UTF-8 are repaired with U+FFFD. An `Unknown` is
// written as its type alone.
std::string write_frame(const Frame& frame);

Json to_json(const Entry& entry);
Result<Entry> entry_from(const Json& json);

// FNV-1a 64 over `kind NUL shard NUL key NUL revision NUL value`, mixed by splitmix64's finaliser. The value is compact
// JSON with sorted keys; generation and tombstones do not take part. Test vectors: tests/unit/base_watch.cpp.
Digest entry_digest(const Entry& entry);
// The same from the parts; `value` as text.
Digest entry_digest(std::string_view kind, Shard shard, std::string_view key, Revision revision,
                    std::string_view value);
std::string digest_text(Digest digest);
Result<Digest> parse_digest(std::string_view text);

// Sums of entry digests by shard, kept up to date entry by entry. The caller knows which entry was there before: it
// removes the old one and adds the new one (never a tombstone).
class DigestSums {
 public:
  struct Sum {
    std::uint64_t count = 0;
    Digest digest = 0;  // modulo 2^64
    bool operator==(const Sum&) const = default;
  };
  void add(Shard shard, Digest entry);
  void remove(Shard shard, Digest entry);
  void clear() { shards_.clear(), total_ = Sum{}; }
  Sum shard(Shard shard) const;
  Sum total() const { return total_; }
  const std::map<Shard, Sum>& shards() const { return shards_; }  // those with a count above 0

 private:
  std::map<Shard, Sum> shards_;
  Sum total_;
};

// What a reader asks for: GET /v1/watch?…
enum class Role { node, gateway, observer };
std::string to_string(Role role);
Result<Role> parse_role(std::string_view text);

struct WatchRequest {
  int protocol = 1;
  Role role = Role::observer;
  std::string name;         // the registered name; "" only for observers
  std::string incarnation;  // "" = a first snapshot
  std::optional<Revision> revision;
};
// The request target, with what is empty left out.
std::string watch_target(const WatchRequest& request);
// The parameters of such a target, percent-decoded; strict, unknown ones are refused and named.
Result<WatchRequest> watch_request_from(const std::map<std::string, std::string>& parameters);

}  // namespace mooring::ipam_api
