// The audit tables of schema.sql.
//
// Errors: SqliteFailure; std::runtime_error for a record that does not parse. Threading: one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/ledger_rows.hpp"
#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

class SqliteLedger : public LedgerRows {
 public:
  explicit SqliteLedger(SqliteConnection& connection);

  // Of the last transaction that succeeded.
  const LedgerHead& head() const { return head_; }
  // Inside a transaction. The head that it leads to; the caller tells when the commit has succeeded.
  LedgerHead append(const std::vector<AuditEntry>& entries);
  void committed(LedgerHead head) { head_ = std::move(head); }

  // Inside a transaction: deletes the oldest records, `most` of them, up to cut.last_seq; with the last of these the
  // pruning is recorded. `began`: the oldest record before the first call. Returns how many.
  struct Slice {
    std::uint64_t records = 0;
    bool done = false;
    LedgerHead head;
  };
  Slice prune(const AuditPrune& cut, AuditSeq began, std::uint64_t most);

  LedgerCut cut() override;
  std::optional<LedgerRow> row(AuditSeq seq) override;
  void rows(AuditSeq after, AuditSeq up_to, const std::function<bool(LedgerRow)>& each) override;
  std::vector<AuditSeq> of_subject(const std::string& subject, AuditSeq after, AuditSeq up_to,
                                   std::size_t limit) override;
  AuditVerdict verify(AuditSeq after, std::size_t limit) { return verify_ledger(*this, head_, sha256_, after, limit); }

 private:
  void insert(LedgerHead& head, const struct AuditText& made);

  http::Sha256 sha256_;
  SqliteStatement insert_, insert_subject_, row_, rows_, of_subject_, cut_, put_segment_, erase_, erase_subject_;
  LedgerHead head_;
};

}  // namespace mooring::controller
