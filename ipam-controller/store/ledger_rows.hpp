// The audit ledger over whatever keeps its rows: the chain, the search, the verification. Each store has its own
// LedgerRows.
//
// Errors: what the rows throw. Threading: one thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/app/audit.hpp"
#include "mooring/http/sha256.hpp"

namespace mooring::controller {

// Hashes are raw bytes here.
struct LedgerRow {
  AuditSeq seq = 0;
  std::string text;
  std::string hash;
};
// Where the chain begins: everything up to `seq` has been pruned, `hash` was that of its last record.
struct LedgerCut {
  AuditSeq seq = 0;
  std::string hash = ipam_api::no_hash();
};
// The last row of the chain; of an empty one the cut's.
struct LedgerHead {
  AuditSeq seq = 0;
  std::string hash = ipam_api::no_hash();
  AuditHead shown() const { return seq == 0 ? AuditHead{} : AuditHead{seq, ipam_api::hash_text(hash)}; }
};

class LedgerRows {
 public:
  virtual ~LedgerRows() = default;
  virtual LedgerCut cut() = 0;
  virtual std::optional<LedgerRow> row(AuditSeq seq) = 0;
  // In order, from after < seq <= up_to, until `each` returns false.
  virtual void rows(AuditSeq after, AuditSeq up_to, const std::function<bool(LedgerRow)>& each) = 0;
  // The numbers of the subject's records in that range, in order, at most `limit`.
  virtual std::vector<AuditSeq> of_subject(const std::string& subject, AuditSeq after, AuditSeq up_to,
                                           std::size_t limit) = 0;
};

Result<AuditPage> read_ledger(LedgerRows& rows, const LedgerHead& head, const AuditQuery& query);
AuditVerdict verify_ledger(LedgerRows& rows, const LedgerHead& head, http::Sha256& sha256, AuditSeq after,
                           std::size_t limit);
// May everything up to cut.last_seq go? conflict, invalid_argument.
Result<void> check_prune(LedgerRows& rows, const LedgerHead& head, const AuditPrune& cut);

}  // namespace mooring::controller
