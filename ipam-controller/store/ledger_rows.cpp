#include "ipam-controller/store/ledger_rows.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/store/audit_record.hpp"

namespace mooring::controller {
namespace {

using ipam_api::hash_text;

// The first record that is not older than `time`; head.seq + 1 if all are. Times never go down along the chain.
AuditSeq first_at(LedgerRows& rows, AuditSeq first, AuditSeq end, TimeMs time) {
  while (first < end) {
    const AuditSeq middle = first + (end - first) / 2;
    const auto row = rows.row(middle);
    if (row && time_of(row->text) < time) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

AuditRecord record_of(LedgerRow row) {
  return {row.seq, hash_text(row.hash), std::move(row.text)};
}

std::string hash_before(LedgerRows& rows, const LedgerCut& cut, AuditSeq after) {
  if (after == cut.seq) {
    return cut.hash;
  }
  const auto row = rows.row(after);
  return row ? row->hash : std::string();
}

}  // namespace

Result<AuditPage> read_ledger(LedgerRows& rows, const LedgerHead& head, const AuditQuery& query) {
  const LedgerCut cut = rows.cut();
  AuditPage page;
  page.first_seq = cut.seq + 1;
  page.head = head.shown();
  AuditSeq after = std::max(query.after, cut.seq);
  AuditSeq up_to = std::min(query.up_to, head.seq);
  if (query.from_ms) {
    after = std::max(after, first_at(rows, cut.seq + 1, head.seq + 1, *query.from_ms) - 1);
  }
  if (query.to_ms) {
    up_to = std::min(up_to, first_at(rows, cut.seq + 1, head.seq + 1, *query.to_ms + 1) - 1);
  }
  if (!query.subject.empty()) {
    const auto found = rows.of_subject(query.subject, after, up_to, query.limit + 1);
    for (const AuditSeq seq : found) {
      page.more = page.records.size() == query.limit;
      if (auto row = page.more ? std::nullopt : rows.row(seq)) {
        page.records.push_back(record_of(std::move(*row)));
      }
    }
    return page;
  }
  if (!query.from_ms && !query.to_ms) {
    page.previous_hash = hash_text(hash_before(rows, cut, after));
  }
  rows.rows(after, up_to, [&](LedgerRow row) {
    page.more = page.records.size() == query.limit;
    if (!page.more) {
      page.records.push_back(record_of(std::move(row)));
    }
    return !page.more;
  });
  return page;
}

AuditVerdict verify_ledger(LedgerRows& rows, const LedgerHead& head, http::Sha256& sha256, AuditSeq after,
                           std::size_t limit) {
  const LedgerCut cut = rows.cut();
  after = std::max(after, cut.seq);
  AuditVerdict verdict;
  verdict.head = head.shown();
  verdict.first_seq = after + 1;
  verdict.last_seq = after;
  std::string previous = hash_before(rows, cut, after);
  const auto bad = [&](AuditSeq seq, std::string problem) {
    verdict.bad_seq = seq;
    verdict.problem = std::move(problem);
    return false;
  };
  if (previous.empty() && after <= head.seq) {
    bad(after, fmt::format("record {} is missing", after));
    return verdict;
  }
  rows.rows(after, head.seq, [&](const LedgerRow& row) {
    if (row.seq != verdict.last_seq + 1) {
      return bad(verdict.last_seq + 1, fmt::format("record {} is missing", verdict.last_seq + 1));
    }
    if (verdict.records == limit) {
      verdict.more = true;
      return false;
    }
    if (sha256.of(previous, row.text) != row.hash) {
      return bad(row.seq,
                 fmt::format("record {} does not fit its hash: it, its hash, or the hash of the record before it was "
                             "changed",
                             row.seq));
    }
    previous = row.hash;
    verdict.last_seq = row.seq;
    ++verdict.records;
    return true;
  });
  if (verdict.bad_seq == 0 && !verdict.more && verdict.last_seq < head.seq) {
    bad(verdict.last_seq + 1, fmt::format("record {} is missing", verdict.last_seq + 1));
  } else if (verdict.bad_seq == 0 && verdict.last_seq == head.seq && previous != head.hash) {
    bad(head.seq, fmt::format("record {} is not the one that was written last", head.seq));
  }
  return verdict;
}

Result<void> check_prune(LedgerRows& rows, const LedgerHead& head, const AuditPrune& cut) {
  const AuditSeq pruned = rows.cut().seq;
  const std::string doing = fmt::format("pruning the audit ledger up to record {}", cut.last_seq);
  if (cut.last_seq <= pruned) {
    return Error(Errc::conflict, fmt::format("{}: that was done, the oldest kept is {}", doing, pruned + 1),
                 "mooringctl audit list");
  }
  const auto row = cut.last_seq <= head.seq ? rows.row(cut.last_seq) : std::nullopt;
  if (!row) {
    return Error(Errc::not_found, fmt::format("{}: the newest is {}", doing, head.seq),
                 "is the export of this controller?");
  }
  if (hash_text(row->hash) != cut.last_hash) {
    return Error(Errc::conflict,
                 fmt::format("{}: its hash is {}, and the copy says {}", doing, hash_text(row->hash), cut.last_hash),
                 "is the export of this controller? Then one of the two was changed: mooringctl audit verify");
  }
  return ok();
}

}  // namespace mooring::controller
