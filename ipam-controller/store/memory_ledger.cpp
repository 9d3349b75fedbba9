#include "ipam-controller/store/memory_ledger.hpp"

#include <algorithm>

#include "ipam-controller/store/audit_record.hpp"

namespace mooring::controller {

LedgerHead MemoryLedgerRows::head() const {
  return rows_.empty() ? LedgerHead{cut_.seq, cut_.hash} : LedgerHead{rows_.back().seq, rows_.back().hash};
}

template <class Make>
void MemoryLedgerRows::append_one(const Make& make) {
  const LedgerHead before = head();
  AuditText made = make(before.seq + 1);
  for (std::string& subject : made.subjects) {
    subjects_.emplace(std::move(subject), before.seq + 1);
  }
  std::string hash = sha256_.of(before.hash, made.text);
  rows_.push_back({before.seq + 1, std::move(made.text), std::move(hash)});
}

void MemoryLedgerRows::append(const std::vector<AuditEntry>& entries) {
  for (const AuditEntry& entry : entries) {
    append_one([&](AuditSeq seq) { return audit_text(seq, entry); });
  }
}

void MemoryLedgerRows::prune(const AuditPrune& cut) {
  const AuditSeq first = cut_.seq + 1;
  append_one([&](AuditSeq seq) { return prune_text(seq, cut, first); });
  while (rows_.front().seq <= cut.last_seq) {
    cut_ = {rows_.front().seq, rows_.front().hash};
    rows_.pop_front();
  }
  std::erase_if(subjects_, [&](const auto& entry) { return entry.second <= cut.last_seq; });
}

std::optional<LedgerRow> MemoryLedgerRows::row(AuditSeq seq) {
  if (seq <= cut_.seq || seq > cut_.seq + rows_.size()) {
    return std::nullopt;
  }
  return rows_[seq - cut_.seq - 1];
}

void MemoryLedgerRows::rows(AuditSeq after, AuditSeq up_to, const std::function<bool(LedgerRow)>& each) {
  for (AuditSeq seq = std::max(after, cut_.seq) + 1; seq <= up_to; ++seq) {
    const auto found = row(seq);
    if (!found || !each(*found)) {
      return;
    }
  }
}

std::vector<AuditSeq> MemoryLedgerRows::of_subject(const std::string& subject, AuditSeq after, AuditSeq up_to,
                                                   std::size_t limit) {
  std::vector<AuditSeq> found;
  for (auto it = subjects_.upper_bound({subject, after});
       it != subjects_.end() && it->first == subject && it->second <= up_to && found.size() < limit; ++it) {
    found.push_back(it->second);
  }
  return found;
}

void MemoryLedger::read(AuditQuery query, Callback<AuditPage> done) {
  post_([done = std::move(done), page = read_ledger(rows_, rows_.head(), query)] { done(page); });
}

void MemoryLedger::verify(AuditSeq after, std::size_t limit, Callback<AuditVerdict> done) {
  http::Sha256 sha256;
  post_(
      [done = std::move(done), verdict = verify_ledger(rows_, rows_.head(), sha256, after, limit)] { done(verdict); });
}

void MemoryLedger::prune(AuditPrune cut, Callback<AuditPruned> done) {
  Result<AuditPruned> result = AuditPruned{};
  if (const auto may = check_prune(rows_, rows_.head(), cut); !may) {
    result = may.error();
  } else {
    const AuditSeq before = rows_.cut().seq;
    rows_.prune(cut);
    result = AuditPruned{rows_.cut().seq - before, rows_.cut().seq + 1};
  }
  post_([done = std::move(done), result] { done(result); });
}

}  // namespace mooring::controller
