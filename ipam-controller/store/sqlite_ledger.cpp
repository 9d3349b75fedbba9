#include "ipam-controller/store/sqlite_ledger.hpp"

#include <algorithm>
#include <utility>

#include "ipam-controller/store/audit_record.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {
namespace {

// A statement that was stepped is left ready for the next one, whatever happens.
class Reading {
 public:
  explicit Reading(SqliteStatement& statement) : statement_(statement) {}
  ~Reading() { statement_.reset(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  SqliteStatement& statement_;
};

LedgerRow row_from(SqliteStatement& statement) {
  LedgerRow row;
  row.seq = statement.number();
  row.text = statement.text();
  row.hash = statement.blob();
  return row;
}

std::vector<std::string> subjects_in(const std::string& record) {
  std::vector<std::string> subjects;
  if (const auto json = ipam_api::parse_json("a record", record); json && json->contains("subjects")) {
    for (const auto& subject : (*json)["subjects"]) {
      subjects.push_back(subject.is_string() ? subject.get<std::string>() : std::string());
    }
  }
  return subjects;
}

}  // namespace

SqliteLedger::SqliteLedger(SqliteConnection& connection)
    : insert_(connection, "INSERT INTO audit (seq, record, hash) VALUES (?, ?, ?)"),
      insert_subject_(connection, "INSERT INTO audit_subject (subject, seq) VALUES (?, ?)"),
      row_(connection, "SELECT seq, record, hash FROM audit WHERE seq = ?"),
      rows_(connection, "SELECT seq, record, hash FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq"),
      of_subject_(connection,
                  "SELECT seq FROM audit_subject WHERE subject = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"),
      cut_(connection, "SELECT last_seq, last_hash FROM audit_segment ORDER BY first_seq DESC LIMIT 1"),
      put_segment_(connection,
                   "INSERT OR REPLACE INTO audit_segment (first_seq, last_seq, last_hash, pruned_ms, pruned_by) "
                   "VALUES (?, ?, ?, ?, ?)"),
      erase_(connection, "DELETE FROM audit WHERE seq = ?"),
      erase_subject_(connection, "DELETE FROM audit_subject WHERE subject = ? AND seq = ?") {
  const LedgerCut begin = cut();
  head_ = {begin.seq, begin.hash};
  SqliteStatement last(connection, "SELECT seq, record, hash FROM audit ORDER BY seq DESC LIMIT 1");
  if (last.step()) {
    LedgerRow newest = row_from(last);
    head_ = {newest.seq, std::move(newest.hash)};
  }
}

void SqliteLedger::insert(LedgerHead& head, const AuditText& made) {
  head.hash = sha256_.of(head.hash, made.text);
  ++head.seq;
  insert_.bind(head.seq).bind(made.text).bind_blob(head.hash).run();
  for (const std::string& subject : made.subjects) {
    insert_subject_.bind(subject).bind(head.seq).run();
  }
}

LedgerHead SqliteLedger::append(const std::vector<AuditEntry>& entries) {
  LedgerHead head = head_;
  for (const AuditEntry& entry : entries) {
    insert(head, audit_text(head.seq + 1, entry));
  }
  return head;
}

SqliteLedger::Slice SqliteLedger::prune(const AuditPrune& cut_to, AuditSeq began, std::uint64_t most) {
  const LedgerCut begin = cut();
  std::vector<LedgerRow> slice;
  rows(begin.seq, std::min<AuditSeq>(cut_to.last_seq, begin.seq + most), [&](LedgerRow row) {
    slice.push_back(std::move(row));
    return true;
  });
  for (const LedgerRow& row : slice) {
    for (const std::string& subject : subjects_in(row.text)) {
      erase_subject_.bind(subject).bind(row.seq).run();
    }
    erase_.bind(row.seq).run();
  }
  Slice outcome{slice.size(), true, head_};
  if (!slice.empty()) {
    const LedgerRow& last = slice.back();
    put_segment_.bind(began).bind(last.seq).bind_blob(last.hash);
    put_segment_.bind(static_cast<std::uint64_t>(cut_to.at_ms)).bind(cut_to.actor.name).run();
    outcome.done = last.seq >= cut_to.last_seq;
  }
  if (outcome.done) {
    insert(outcome.head, prune_text(outcome.head.seq + 1, cut_to, began));
  }
  return outcome;
}

LedgerCut SqliteLedger::cut() {
  const Reading reading(cut_);
  LedgerCut cut;
  if (cut_.step()) {
    cut.seq = cut_.number();
    cut.hash = cut_.blob();
  }
  return cut;
}

std::optional<LedgerRow> SqliteLedger::row(AuditSeq seq) {
  const Reading reading(row_);
  row_.bind(seq);
  return row_.step() ? std::optional<LedgerRow>(row_from(row_)) : std::nullopt;
}

void SqliteLedger::rows(AuditSeq after, AuditSeq up_to, const std::function<bool(LedgerRow)>& each) {
  const Reading reading(rows_);
  rows_.bind(after).bind(up_to);
  while (rows_.step() && each(row_from(rows_))) {
  }
}

std::vector<AuditSeq> SqliteLedger::of_subject(const std::string& subject, AuditSeq after, AuditSeq up_to,
                                               std::size_t limit) {
  const Reading reading(of_subject_);
  of_subject_.bind(subject).bind(after).bind(up_to).bind(limit);
  std::vector<AuditSeq> found;
  while (of_subject_.step()) {
    found.push_back(of_subject_.number());
  }
  return found;
}

}  // namespace mooring::controller
