// The ledger of a MemoryStore.
// Threading: as MemoryStore.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/ledger_rows.hpp"

namespace mooring::controller {

// What outlives a MemoryStore.
class MemoryLedgerRows : public LedgerRows {
 public:
  void append(const std::vector<AuditEntry>& entries);
  void prune(const AuditPrune& cut);
  LedgerHead head() const;

  LedgerCut cut() override { return cut_; }
  std::optional<LedgerRow> row(AuditSeq seq) override;
  void rows(AuditSeq after, AuditSeq up_to, const std::function<bool(LedgerRow)>& each) override;
  std::vector<AuditSeq> of_subject(const std::string& subject, AuditSeq after, AuditSeq up_to,
                                   std::size_t limit) override;

  // For tests: somebody who changes the past.
  void tamper(AuditSeq seq, const std::string& text) { rows_.at(seq - cut_.seq - 1).text = text; }

 private:
  template <class Make>
  void append_one(const Make& make);

  http::Sha256 sha256_;
  LedgerCut cut_;
  std::deque<LedgerRow> rows_;
  std::set<std::pair<std::string, AuditSeq>> subjects_;
};

class MemoryLedger : public AuditLedger {
 public:
  // `rows` must outlive this.
  MemoryLedger(MemoryLedgerRows& rows, Post post) : rows_(rows), post_(std::move(post)) {}

  AuditHead head() const override { return rows_.head().shown(); }
  void read(AuditQuery query, Callback<AuditPage> done) override;
  void verify(AuditSeq after, std::size_t limit, Callback<AuditVerdict> done) override;
  void prune(AuditPrune cut, Callback<AuditPruned> done) override;

 private:
  MemoryLedgerRows& rows_;
  Post post_;
};

}  // namespace mooring::controller
