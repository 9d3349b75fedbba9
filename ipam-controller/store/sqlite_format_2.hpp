// From format 1 (version 0.1: IPv4 alone, a table for each kind of object) to format 2.
// Errors: SqliteFailure. Threading: the thread of the connection.
#pragma once

#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {

// schema.sql
extern const char* const schema_text;

void to_format_2(SqliteConnection& connection);

}  // namespace mooring::controller
