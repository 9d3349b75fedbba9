// A copy of a whole database as one file: for backups, before a migration, and to restore from.
//
// Errors: SqliteFailure, std::system_error. Threading: the thread of `source`.
#pragma once

#include <cstdint>
#include <string>

#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

// Copies the database that `source` has open, as it is at one moment, to a file `path` (mode 0600; one that is there is
// replaced). The copy is checked, synced, and then gets its name: it is there whole, or not at all. Refused as a full
// disk when less than 64 MiB would stay free. False: `step` has ended it.
bool copy_database(SqliteConnection& source, const std::string& path, const SqliteConnection::CopyStep& step);

// Throws SqliteFailure (damaged) with SQLite's first findings if the database is not sound. Reads all of it.
void check_integrity(SqliteConnection& connection);

// The folder's names are durable after it.
void sync_folder_of(const std::string& path);

}  // namespace mooring::controller
