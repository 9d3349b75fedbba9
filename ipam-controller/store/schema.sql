R"sql(
-- The controller's store, version 2 (docs/storage.md). PRAGMA user_version carries the version, application_id says
-- "moor". C++ includes this file as a string: the first and the last line are its quotes.
--
-- Addresses, MACs and blocks are text, as people write them; lists inside an object are JSON. `revision` is that of the
-- transaction that wrote the row.

CREATE TABLE meta (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  incarnation   TEXT NOT NULL,
  revision      INTEGER NOT NULL,  -- of the last batch
  now_ms        INTEGER NOT NULL,  -- the newest time it has seen
  log_changes   INTEGER NOT NULL,  -- rows in change_log
  log_trimmed   INTEGER NOT NULL,  -- revisions up to here may be missing in change_log
  restoring     INTEGER NOT NULL   -- 1: made from a backup, and not whole yet (docs/storage.md)
) STRICT;

-- Objects that admins and nodes write rarely, as JSON in the API's own form (domain/object_json.hpp): a new field needs
-- no new column. `name` is the key as text ("VNI/ADDRESS" of extra addresses).
CREATE TABLE object (
  kind     TEXT NOT NULL,
  name     TEXT NOT NULL,
  body     TEXT NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE binding (
  network           TEXT NOT NULL,
  namespace         TEXT NOT NULL,
  hostname          TEXT NOT NULL,
  interface_ordinal INTEGER NOT NULL,
  kind              TEXT NOT NULL,
  subnet            TEXT NOT NULL,
  pool              TEXT NOT NULL,  -- '' = the address is in no pool
  address           TEXT NOT NULL,  -- IPv4; '' = none
  address6          TEXT NOT NULL,  -- IPv6; '' = none
  mac               TEXT NOT NULL,
  retention         TEXT NOT NULL,
  workload          TEXT NOT NULL,
  labels            TEXT NOT NULL,  -- JSON object; '' = none
  note              TEXT NOT NULL,
  origin            TEXT NOT NULL,
  last_uid          TEXT NOT NULL,
  last_node         TEXT NOT NULL,
  created_ms        INTEGER NOT NULL,
  expires_ms        INTEGER NOT NULL,  -- 0 = does not end by itself
  revision          INTEGER NOT NULL,
  PRIMARY KEY (network, namespace, hostname, interface_ordinal),
  CHECK (address <> '' OR address6 <> '')
) STRICT, WITHOUT ROWID;

CREATE TABLE port (
  vni               INTEGER NOT NULL,
  address           TEXT NOT NULL,  -- IPv4 where it has one, else IPv6
  address6          TEXT NOT NULL,  -- the IPv6 address beside an IPv4 one; '' = none
  id                TEXT NOT NULL,
  network           TEXT NOT NULL,
  namespace         TEXT NOT NULL,
  hostname          TEXT NOT NULL,
  interface_ordinal INTEGER NOT NULL,
  kind              TEXT NOT NULL,
  subnet            TEXT NOT NULL,
  pool              TEXT NOT NULL,
  mac               TEXT NOT NULL,
  node              TEXT NOT NULL,
  container_id      TEXT NOT NULL,
  ifname            TEXT NOT NULL,
  pod_uid           TEXT NOT NULL,
  workload          TEXT NOT NULL,
  labels            TEXT NOT NULL,  -- JSON object; '' = none
  created_ms        INTEGER NOT NULL,
  generation        INTEGER NOT NULL,
  state             TEXT NOT NULL,
  revision          INTEGER NOT NULL,  -- of its directory entry
  PRIMARY KEY (vni, address)
) STRICT, WITHOUT ROWID;

-- Released addresses in their cool-down.
CREATE TABLE resting (
  vni               INTEGER NOT NULL,
  address           TEXT NOT NULL,
  pool              TEXT NOT NULL,
  network           TEXT NOT NULL,
  namespace         TEXT NOT NULL,
  hostname          TEXT NOT NULL,
  interface_ordinal INTEGER NOT NULL,
  until_ms          INTEGER NOT NULL,
  revision          INTEGER NOT NULL,
  PRIMARY KEY (vni, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE fenced_uid (
  network           TEXT NOT NULL,
  namespace         TEXT NOT NULL,
  hostname          TEXT NOT NULL,
  interface_ordinal INTEGER NOT NULL,
  uid               TEXT NOT NULL,
  revision          INTEGER NOT NULL,
  PRIMARY KEY (network, namespace, hostname, interface_ordinal, uid)
) STRICT, WITHOUT ROWID;

-- What watch streams resume from: entries and tombstones as in docs/api/watch.md.
CREATE TABLE change_log (
  revision INTEGER NOT NULL,
  position INTEGER NOT NULL,
  entry    TEXT NOT NULL,
  PRIMARY KEY (revision, position)
) STRICT, WITHOUT ROWID;

-- The audit ledger (docs/howto/audit.md). hash = SHA-256(hash of the record before || record); the first record of all
-- is chained to 32 zero bytes.
CREATE TABLE audit (
  seq    INTEGER PRIMARY KEY,  -- without a gap
  record TEXT NOT NULL,        -- canonical compact JSON, as it is hashed
  hash   BLOB NOT NULL
) STRICT;

-- What records are found by: "10.0.0.5", "shop/db-0", "pool/web".
CREATE TABLE audit_subject (
  subject TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  PRIMARY KEY (subject, seq)
) STRICT, WITHOUT ROWID;

-- What was exported and pruned; the chain goes on behind the last row.
CREATE TABLE audit_segment (
  first_seq INTEGER PRIMARY KEY,
  last_seq  INTEGER NOT NULL,
  last_hash BLOB NOT NULL,
  pruned_ms INTEGER NOT NULL,
  pruned_by TEXT NOT NULL
) STRICT;

-- What a person wants to know (docs/observability/events.md): the newest 10,000, as JSON.
CREATE TABLE event (
  sequence INTEGER PRIMARY KEY,
  event    TEXT NOT NULL
) STRICT;

-- All events up to `sequence` were taken by the webhook's receiver, or are not for it.
CREATE TABLE webhook_cursor (
  webhook  TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql"
