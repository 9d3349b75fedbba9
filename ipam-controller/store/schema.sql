R"sql(
-- The controller's store, version 1 (docs/storage.md). PRAGMA user_version carries the version, application_id says
-- "moor". C++ includes this file as a string: the first and the last line are its quotes.
--
-- Addresses, MACs and blocks are text, as people write them; lists inside an object are JSON. `revision` is that of the
-- transaction that wrote the row.

CREATE TABLE meta (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  incarnation   TEXT NOT NULL,
  revision      INTEGER NOT NULL,  -- of the last batch
  log_changes   INTEGER NOT NULL,  -- rows in change_log
  log_trimmed   INTEGER NOT NULL   -- revisions up to here may be missing in change_log
) STRICT;

CREATE TABLE network (
  name     TEXT PRIMARY KEY,
  isolated INTEGER NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE subnet (
  name      TEXT PRIMARY KEY,
  network   TEXT NOT NULL REFERENCES network (name),
  vni       INTEGER NOT NULL UNIQUE,
  cidr      TEXT NOT NULL,
  gateway   TEXT NOT NULL,
  mtu_bytes INTEGER NOT NULL,
  dns       TEXT NOT NULL,  -- JSON object, as in the API
  routes    TEXT NOT NULL,  -- JSON list, as in the API
  revision  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pool (
  name       TEXT PRIMARY KEY,
  subnet     TEXT NOT NULL REFERENCES subnet (name),
  ranges     TEXT NOT NULL,  -- JSON list of "A-B"
  exclusions TEXT NOT NULL,  -- JSON list of "A-B"
  kind       TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  revision   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
  name       TEXT PRIMARY KEY,
  machine_id TEXT NOT NULL,
  vtep       TEXT NOT NULL,
  version    TEXT NOT NULL,
  revision   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE gateway (
  name       TEXT PRIMARY KEY,
  machine_id TEXT NOT NULL,
  vtep       TEXT NOT NULL,
  version    TEXT NOT NULL,
  network    TEXT NOT NULL,  -- may be created later than the gateway registers
  revision   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE binding (
  network           TEXT NOT NULL REFERENCES network (name),
  namespace         TEXT NOT NULL,
  hostname          TEXT NOT NULL,
  interface_ordinal INTEGER NOT NULL,
  kind              TEXT NOT NULL,
  subnet            TEXT NOT NULL REFERENCES subnet (name),
  pool              TEXT NOT NULL,  -- '' = the address is in no pool
  address           TEXT NOT NULL,
  mac               TEXT NOT NULL,
  last_uid          TEXT NOT NULL,
  last_node         TEXT NOT NULL,
  revision          INTEGER NOT NULL,
  PRIMARY KEY (network, namespace, hostname, interface_ordinal),
  UNIQUE (subnet, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE port (
  vni               INTEGER NOT NULL REFERENCES subnet (vni),
  address           TEXT NOT NULL,
  id                TEXT NOT NULL,
  network           TEXT NOT NULL REFERENCES network (name),
  namespace         TEXT NOT NULL,
  hostname          TEXT NOT NULL,
  interface_ordinal INTEGER NOT NULL,
  kind              TEXT NOT NULL,
  subnet            TEXT NOT NULL,
  pool              TEXT NOT NULL,
  mac               TEXT NOT NULL,
  node              TEXT NOT NULL REFERENCES node (name),
  container_id      TEXT NOT NULL,
  ifname            TEXT NOT NULL,
  pod_uid           TEXT NOT NULL,
  generation        INTEGER NOT NULL,
  state             TEXT NOT NULL,
  revision          INTEGER NOT NULL,  -- of its directory entry
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
)sql"
