// The WAL as a file, before SQLite opens it.
//
// Errors: SqliteFailure. Threading: no connection of this process may have the database open.
#pragma once

#include <string>

namespace mooring::controller {

// Writes what PATH-wal holds once more, and syncs it. The kernel forgets a failed sync: it keeps the pages as if they
// were on the disk, and a later sync says that all is well. What SQLite would now read back from the WAL, and build
// upon, could be gone with the next power loss; after this it cannot. Nothing to do (and nothing done) after an orderly
// end: there is no WAL then.
void make_wal_durable(const std::string& path, const std::string& vfs);

// Takes the last transaction out of the WAL, durably: one that was reported as failed, and that the disk has kept. It
// must not have been moved into the database. Source: https://sqlite.org/fileformat2.html, "The Write-Ahead Log".
void drop_last_transaction(const std::string& path, const std::string& vfs);

}  // namespace mooring::controller
