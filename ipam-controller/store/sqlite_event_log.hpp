// The tables event and webhook_cursor.
// Errors: SqliteFailure. Threading: the thread of the connection.
#pragma once

#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

class SqliteEventLog {
 public:
  explicit SqliteEventLog(SqliteConnection& connection);

  // Inside a transaction.
  void append(const std::vector<EventRecord>& events);
  void keep(const WebhookCursors& cursors);

  std::vector<EventRecord> load();
  WebhookCursors load_cursors();

 private:
  SqliteConnection& connection_;
  SqliteStatement insert_;
  SqliteStatement trim_;
  SqliteStatement insert_cursor_;
};

}  // namespace mooring::controller
