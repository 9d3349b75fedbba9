// The audit ledger: every object that was written, by whom, when, why, before and after, in a chain of hashes
// (docs/howto/audit.md). A record is canonical compact JSON:
//
//   {"action":"create|change|delete","actor":{"from","kind","name"},"after":{…}|null,"at_ms":…,"before":{…}|null,
//    "key":"shop/db-0","kind":"binding","reason":"…","revision":41,"seq":7,"subjects":["10.0.0.5","shop/db-0"]}
//
// Threading: values; the ledger itself as Store.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/app/caller.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "mooring/base/error.hpp"
#include "mooring/ipam_api/audit_file.hpp"

namespace mooring::controller {

using ipam_api::AuditSeq;

// What the ledger remembers of one object written: who, when, why, and what it was before and after. An `Erase` stands
// for "not there".
struct AuditEntry {
  Revision revision = 0;
  TimeMs at_ms = 0;
  Actor actor;
  std::string reason;
  Write before;
  Write after;
};
// Is it for the ledger? Not: cool-downs, fenced UIDs, ports that only became active, and what did not change.
bool is_recorded(const Write& before, const Write& after);

// The newest record. Whoever keeps this elsewhere can tell later whether anything before it was changed.
struct AuditHead {
  AuditSeq seq = 0;  // 0: there is none yet
  std::string hash;  // 64 hexadecimal digits
  bool operator==(const AuditHead&) const = default;
};

struct AuditQuery {
  std::string subject;  // "10.0.0.5", "shop/db-0", "pool/web"; "" = all
  AuditSeq after = 0;
  AuditSeq up_to = std::numeric_limits<AuditSeq>::max() / 2;
  std::optional<TimeMs> from_ms, to_ms;  // both included
  std::size_t limit = 100;
};
struct AuditRecord {
  AuditSeq seq = 0;
  std::string hash;  // 64 hexadecimal digits
  std::string text;
};
struct AuditPage {
  std::vector<AuditRecord> records;  // in order
  bool more = false;                 // ask again, after the last one's number
  AuditSeq first_seq = 1;            // the oldest that is kept: what was before has been pruned
  std::string previous_hash;         // of the record before `query.after + 1`; "" with a subject or a time
  AuditHead head;
};

// How far the chain was looked at, and what was found.
struct AuditVerdict {
  AuditSeq first_seq = 0, last_seq = 0;  // looked at; last < first: nothing was there
  std::uint64_t records = 0;
  bool more = false;
  AuditSeq bad_seq = 0;  // the first that does not fit; 0: the chain is whole
  std::string problem;
  AuditHead head;
};

// Deletes the records up to `last_seq`, of which the caller has a copy: it knows the hash of the last one.
struct AuditPrune {
  AuditSeq last_seq = 0;
  std::string last_hash;  // 64 hexadecimal digits
  Actor actor;
  std::string reason;
  TimeMs at_ms = 0;
  Revision revision = 0;
};
struct AuditPruned {
  std::uint64_t records = 0;
  AuditSeq first_seq = 0;  // the oldest now
};

class AuditLedger {
 public:
  virtual ~AuditLedger() = default;

  // Of the last commit that is durable. Any thread.
  virtual AuditHead head() const = 0;
  // Records that were durable at the time of the call, whatever is committed meanwhile. invalid_argument: the range
  // has been pruned (only without a subject).
  virtual void read(AuditQuery query, std::function<void(Result<AuditPage>)> done) = 0;
  // Computes the chain anew behind `after` (0: from the oldest), at most `limit` records.
  virtual void verify(AuditSeq after, std::size_t limit, std::function<void(Result<AuditVerdict>)> done) = 0;
  // In slices, so that commits go on. The pruning itself is recorded. conflict: the hash is not that record's.
  virtual void prune(AuditPrune cut, std::function<void(Result<AuditPruned>)> done) = 0;
};

}  // namespace mooring::controller
