#include "ipam-controller/store/sqlite_format_2.hpp"

#include <fmt/format.h>

namespace mooring::controller {

const char* const schema_text =
#include "ipam-controller/store/schema.sql"
    ;

namespace {

constexpr const char* old_tables[] = {"fenced_uid", "port",   "binding", "gateway",    "node",
                                      "pool",       "subnet", "network", "change_log", "meta"};

// What version 0.1 did is what the new fields say: bindings for ever, pools in turn without a cool-down. Its change log
// is not taken over: entries say more now, and who resumed from old ones would lack that. Readers take a snapshot once.
constexpr const char* take_over = R"sql(
INSERT INTO meta (id, incarnation, revision, now_ms, log_changes, log_trimmed, restoring)
  SELECT id, incarnation, revision, 0, 0, revision, 0 FROM old_meta;

INSERT INTO object (kind, name, body, revision)
  SELECT 'network', name,
         json_object('name', name, 'isolated', json(iif(isolated, 'true', 'false')), 'revision', revision), revision
  FROM old_network;
INSERT INTO object (kind, name, body, revision)
  SELECT 'subnet', name,
         json_object('name', name, 'network', network, 'vni', vni, 'cidr', cidr, 'gateway', gateway,
                     'mtu_bytes', mtu_bytes, 'dns', json(dns), 'routes', json(routes), 'revision', revision), revision
  FROM old_subnet;
INSERT INTO object (kind, name, body, revision)
  SELECT 'pool', name,
         json_object('name', name, 'subnet', subnet, 'ranges', json(ranges), 'exclusions', json(exclusions),
                     'kind', kind, 'default', json(iif(is_default, 'true', 'false')), 'strategy', 'next',
                     'cooldown_seconds', 0, 'revision', revision), revision
  FROM old_pool;
INSERT INTO object (kind, name, body, revision)
  SELECT 'node', name,
         json_object('name', name, 'machine_id', machine_id, 'vtep', vtep, 'version', version, 'revision', revision),
         revision
  FROM old_node;
INSERT INTO object (kind, name, body, revision)
  SELECT 'gateway', name,
         json_object('name', name, 'machine_id', machine_id, 'vtep', vtep, 'version', version, 'network', network,
                     'revision', revision), revision
  FROM old_gateway;

INSERT INTO binding (network, namespace, hostname, interface_ordinal, kind, subnet, pool, address, address6, mac,
                     retention, workload, labels, note, origin, last_uid, last_node, created_ms, expires_ms, revision)
  SELECT network, namespace, hostname, interface_ordinal, kind, subnet, pool, address, '', mac,
         'Never', '', '', '', iif(kind = 'static', 'admin', 'first-use'), last_uid, last_node, 0, 0, revision
  FROM old_binding;
INSERT INTO port (vni, address, address6, id, network, namespace, hostname, interface_ordinal, kind, subnet, pool, mac,
                  node, container_id, ifname, pod_uid, workload, labels, created_ms, generation, state, revision)
  SELECT vni, address, '', id, network, namespace, hostname, interface_ordinal, kind, subnet, pool, mac,
         node, container_id, ifname, pod_uid, '', '', 0, generation, state, revision
  FROM old_port;
INSERT INTO fenced_uid (network, namespace, hostname, interface_ordinal, uid, revision)
  SELECT network, namespace, hostname, interface_ordinal, uid, revision FROM old_fenced_uid;
)sql";

}  // namespace

void to_format_2(SqliteConnection& db) {
  for (const char* table : old_tables) {
    db.execute(fmt::format("ALTER TABLE {0} RENAME TO old_{0}", table));
  }
  // As long as 2 is the newest format. A format 3 begins with a copy of today's text, for this step.
  db.execute(schema_text);
  db.execute(take_over);
  for (const char* table : old_tables) {
    db.execute(fmt::format("DROP TABLE old_{}", table));
  }
}

}  // namespace mooring::controller
