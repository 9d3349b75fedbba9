#include "ipam-controller/store/sqlite_change_log.hpp"

#include <stdexcept>

namespace mooring::controller {

SqliteChangeLog::SqliteChangeLog(SqliteConnection& connection, std::size_t limit)
    : connection_(connection),
      limit_(limit),
      insert_(connection, "INSERT INTO change_log (revision, position, entry) VALUES (?, ?, ?)"),
      update_meta_(connection,
                   "UPDATE meta SET revision = ?, now_ms = max(now_ms, ?), log_changes = ?, log_trimmed = ?"),
      select_(
          connection,
          "SELECT revision, entry FROM change_log WHERE revision > ? AND revision <= ? ORDER BY revision, position"),
      nth_revision_(connection, "SELECT revision FROM change_log ORDER BY revision, position LIMIT 1 OFFSET ?"),
      trim_(connection, "DELETE FROM change_log WHERE revision <= ?") {
  extent_.changes = static_cast<std::uint64_t>(connection.query_number("SELECT log_changes FROM meta"));
  extent_.trimmed = static_cast<Revision>(connection.query_number("SELECT log_trimmed FROM meta"));
}

SqliteChangeLog::Extent SqliteChangeLog::append(Revision revision, TimeMs now, const std::vector<ChangeSet>& changes) {
  Extent extent = extent_;
  for (const ChangeSet& set : changes) {
    std::uint64_t position = 0;
    for (const Change& change : set.changes) {
      insert_.bind(set.revision).bind(position++).bind(change.text).run();
    }
    extent.changes += position;
  }
  // A thousandth over the limit is let grow, so that trimming is not a part of every commit.
  if (extent.changes > limit_ + limit_ / 1000) {
    trim(extent);
  }
  update_meta_.bind(revision).bind(static_cast<std::uint64_t>(now)).bind(extent.changes).bind(extent.trimmed).run();
  return extent;
}

SqliteChangeLog::Extent SqliteChangeLog::forget(Revision revision) {
  trim_.bind(revision).run();
  connection_.execute("UPDATE meta SET log_changes = 0, log_trimmed = revision");
  return {0, revision};
}

void SqliteChangeLog::trim(Extent& extent) {
  const std::uint64_t excess = extent.changes - limit_;
  nth_revision_.bind(excess - 1);
  const bool found = nth_revision_.step();
  const Revision last_dropped = found ? nth_revision_.number() : 0;
  nth_revision_.reset();
  trim_.bind(last_dropped).run();
  extent.changes -= static_cast<std::uint64_t>(connection_.rows_changed());
  extent.trimmed = last_dropped;
}

ChangeLogPage SqliteChangeLog::read(Revision after, Revision up_to, std::size_t limit) {
  ChangeLogPage page;
  page.too_old = after < extent_.trimmed;
  if (page.too_old) {
    return page;
  }
  struct Reset {
    SqliteStatement& statement;
    ~Reset() { statement.reset(); }
  } const at_end{select_};
  select_.bind(after).bind(up_to);
  std::size_t count = 0;
  while (select_.step()) {
    const Revision revision = select_.number();
    const bool next_revision = page.changes.empty() || page.changes.back().revision != revision;
    if (next_revision && count >= limit && count != 0) {
      page.more = true;
      break;
    }
    if (next_revision) {
      page.changes.emplace_back().revision = revision;
    }
    page.changes.back().texts.push_back(select_.text());
    ++count;
  }
  return page;
}

}  // namespace mooring::controller
