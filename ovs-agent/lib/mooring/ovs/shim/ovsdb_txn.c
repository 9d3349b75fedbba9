/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "ovsdb-idl.h"
#include "ovsdb_internal.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

struct mo_txn {
  struct mo_db* db;
  struct ovsdb_idl_txn* idl_txn;
  const struct ovsrec_open_vswitch* root;
  bool wait, made_root;
  int64_t awaited;
};

mo_txn* mo_txn_begin(mo_db* db, const char* comment, int wait) {
  mo_txn* txn = xzalloc(sizeof *txn);
  txn->db = db;
  txn->wait = wait;
  txn->idl_txn = ovsdb_idl_txn_create(db->idl);
  ovsdb_idl_txn_add_comment(txn->idl_txn, "%s", comment);
  txn->root = ovsrec_open_vswitch_first(db->idl);
  if (!txn->root) { /* a database that nobody has initialised: what `ovs-vsctl init` does */
    txn->root = ovsrec_open_vswitch_insert(txn->idl_txn);
    txn->made_root = true;
  } else if (wait) {
    ovsdb_idl_txn_increment(txn->idl_txn, &txn->root->header_, &ovsrec_open_vswitch_col_next_cfg, true);
  }
  return txn;
}

static const struct ovsrec_bridge* find_bridge(const mo_txn* txn, const char* name) {
  const struct ovsrec_bridge* row;
  OVSREC_BRIDGE_FOR_EACH(row, txn->db->idl) {
    if (!strcmp(row->name, name)) {
      return row;
    }
  }
  return NULL;
}

static const struct ovsrec_port* find_port(const mo_txn* txn, const char* name) {
  const struct ovsrec_port* row;
  OVSREC_PORT_FOR_EACH(row, txn->db->idl) {
    if (!strcmp(row->name, name)) {
      return row;
    }
  }
  return NULL;
}

/* The bridge that has `port`; NULL also for a port that this very transaction made. */
static const struct ovsrec_bridge* bridge_of(const mo_txn* txn, const struct ovsrec_port* port) {
  const struct ovsrec_bridge* row;
  OVSREC_BRIDGE_FOR_EACH(row, txn->db->idl) {
    for (size_t i = 0; i < row->n_ports; i++) {
      if (row->ports[i] == port) {
        return row;
      }
    }
  }
  return NULL;
}

static void smap_from(struct smap* map, const mo_pair* pairs, size_t n) {
  smap_init(map);
  for (size_t i = 0; i < n; i++) {
    smap_replace(map, pairs[i].key, pairs[i].value);
  }
}

static bool has_pair(const struct smap* map, const mo_pair* pair) {
  const char* value = smap_get(map, pair->key);
  return value && !strcmp(value, pair->value);
}

/* `into` after the pairs are merged into it differs from before? Then it is to be written. */
static bool merge(struct smap* into, const struct smap* before, const mo_pair* pairs, size_t n) {
  bool differs = false;
  smap_clone(into, before);
  for (size_t i = 0; i < n; i++) {
    differs = differs || !has_pair(before, &pairs[i]);
    smap_replace(into, pairs[i].key, pairs[i].value);
  }
  return differs;
}

static struct ovsrec_port* insert_port(mo_txn* txn, const mo_port_wish* wish) {
  struct ovsrec_interface* interface = ovsrec_interface_insert(txn->idl_txn);
  ovsrec_interface_set_name(interface, wish->name);
  ovsrec_interface_set_type(interface, wish->type);
  if (wish->ofport_request) {
    ovsrec_interface_set_ofport_request(interface, &wish->ofport_request, 1);
  }
  if (wish->mtu_request) {
    ovsrec_interface_set_mtu_request(interface, &wish->mtu_request, 1);
  }
  if (wish->mac[0]) {
    ovsrec_interface_set_mac(interface, wish->mac);
  }
  struct smap map;
  smap_from(&map, wish->options, wish->n_options);
  ovsrec_interface_set_options(interface, &map);
  smap_destroy(&map);
  smap_from(&map, wish->bfd, wish->n_bfd);
  ovsrec_interface_set_bfd(interface, &map);
  smap_destroy(&map);
  smap_from(&map, wish->external_ids, wish->n_external_ids);
  ovsrec_interface_set_external_ids(interface, &map);
  smap_destroy(&map);
  struct ovsrec_port* port = ovsrec_port_insert(txn->idl_txn);
  ovsrec_port_set_name(port, wish->name);
  ovsrec_port_set_interfaces(port, &interface, 1);
  return port;
}

mo_txn_problem mo_txn_ensure_bridge(mo_txn* txn, const mo_bridge_wish* wish, char** error) {
  const struct ovsrec_bridge* bridge = find_bridge(txn, wish->name);
  if (!bridge) {
    const struct ovsrec_port* taken = find_port(txn, wish->name);
    if (taken) {
      *error = xasprintf("a port is called %s already", wish->name);
      return MO_CONFLICT;
    }
    struct ovsrec_bridge* made = ovsrec_bridge_insert(txn->idl_txn);
    const mo_port_wish local = {.name = wish->name, .type = "internal", .mac = ""};
    struct ovsrec_port* port = insert_port(txn, &local);
    ovsrec_bridge_set_name(made, wish->name);
    ovsrec_bridge_set_ports(made, &port, 1);
    ovsrec_open_vswitch_update_bridges_addvalue(txn->root, made);
    bridge = made;
  }
  if (wish->datapath_type[0] && strcmp(or_empty(bridge->datapath_type), wish->datapath_type)) {
    ovsrec_bridge_set_datapath_type(bridge, wish->datapath_type);
  }
  if (wish->fail_mode[0] && strcmp(or_empty(bridge->fail_mode), wish->fail_mode)) {
    ovsrec_bridge_set_fail_mode(bridge, wish->fail_mode);
  }
  if (wish->n_protocols) {
    ovsrec_bridge_set_protocols(bridge, CONST_CAST(const char**, wish->protocols), wish->n_protocols);
  }
  struct smap map;
  if (merge(&map, &bridge->other_config, wish->other_config, wish->n_other_config)) {
    ovsrec_bridge_set_other_config(bridge, &map);
  }
  smap_destroy(&map);
  if (merge(&map, &bridge->external_ids, wish->external_ids, wish->n_external_ids)) {
    ovsrec_bridge_set_external_ids(bridge, &map);
  }
  smap_destroy(&map);
  return MO_OK;
}

static void delete_port_row(const struct ovsrec_bridge* bridge, const struct ovsrec_port* port) {
  ovsrec_bridge_update_ports_delvalue(bridge, port); /* a mutation: no lost update of the set */
  for (size_t i = 0; i < port->n_interfaces; i++) {
    ovsrec_interface_delete(port->interfaces[i]);
  }
  ovsrec_port_delete(port);
}

mo_txn_problem mo_txn_delete_bridge(mo_txn* txn, const char* name, char** error OVS_UNUSED) {
  const struct ovsrec_bridge* bridge = find_bridge(txn, name);
  if (bridge) {
    /* The server collects the rows of its ports and interfaces. */
    ovsrec_open_vswitch_update_bridges_delvalue(txn->root, bridge);
    ovsrec_bridge_delete(bridge);
  }
  return MO_OK;
}

static void amend_interface(const struct ovsrec_interface* interface, const mo_port_wish* wish) {
  if (strcmp(or_empty(interface->type), wish->type)) {
    ovsrec_interface_set_type(interface, wish->type);
  }
  if (wish->ofport_request && !(interface->n_ofport_request && interface->ofport_request[0] == wish->ofport_request)) {
    ovsrec_interface_set_ofport_request(interface, &wish->ofport_request, 1);
  }
  if (wish->mtu_request && !(interface->n_mtu_request && interface->mtu_request[0] == wish->mtu_request)) {
    ovsrec_interface_set_mtu_request(interface, &wish->mtu_request, 1);
  }
  if (wish->mac[0] && strcmp(or_empty(interface->mac), wish->mac)) {
    ovsrec_interface_set_mac(interface, wish->mac);
  }
  struct smap map;
  if (merge(&map, &interface->options, wish->options, wish->n_options)) {
    ovsrec_interface_set_options(interface, &map);
  }
  smap_destroy(&map);
  if (merge(&map, &interface->bfd, wish->bfd, wish->n_bfd)) {
    ovsrec_interface_set_bfd(interface, &map);
  }
  smap_destroy(&map);
  if (merge(&map, &interface->external_ids, wish->external_ids, wish->n_external_ids)) {
    ovsrec_interface_set_external_ids(interface, &map);
  }
  smap_destroy(&map);
}

mo_txn_problem mo_txn_add_port(mo_txn* txn, const mo_port_wish* wish, char** error) {
  const struct ovsrec_bridge* bridge = find_bridge(txn, wish->bridge);
  if (!bridge) {
    *error = xasprintf("there is no bridge %s", wish->bridge);
    return MO_NOT_FOUND;
  }
  const struct ovsrec_port* port = find_port(txn, wish->name);
  if (!port) {
    ovsrec_bridge_update_ports_addvalue(bridge, insert_port(txn, wish));
    return MO_OK;
  }
  const struct ovsrec_bridge* owner = bridge_of(txn, port);
  if (owner && owner != bridge) {
    *error = xasprintf("port %s is on bridge %s", wish->name, owner->name);
    return MO_CONFLICT;
  }
  for (size_t i = 0; i < port->n_interfaces; i++) {
    if (!strcmp(port->interfaces[i]->name, wish->name)) {
      amend_interface(port->interfaces[i], wish);
    }
  }
  return MO_OK;
}

mo_txn_problem mo_txn_delete_port(mo_txn* txn, const char* bridge_name, const char* name, char** error) {
  const struct ovsrec_port* port = find_port(txn, name);
  const struct ovsrec_bridge* owner = port ? bridge_of(txn, port) : NULL;
  if (!owner) {
    return MO_OK;
  }
  if (strcmp(owner->name, bridge_name)) {
    *error = xasprintf("port %s is on bridge %s", name, owner->name);
    return MO_CONFLICT;
  }
  delete_port_row(owner, port);
  return MO_OK;
}

void mo_txn_set_other_config(mo_txn* txn, const mo_pair* pairs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (!pairs[i].value[0]) {
      ovsrec_open_vswitch_update_other_config_delkey(txn->root, pairs[i].key);
    } else {
      ovsrec_open_vswitch_update_other_config_setkey(txn->root, pairs[i].key, pairs[i].value);
    }
  }
}

mo_txn_status mo_txn_commit(mo_txn* txn, char** error) {
  enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(txn->idl_txn);
  switch (status) {
    case TXN_INCOMPLETE:
      return MO_TXN_UNDER_WAY;
    case TXN_UNCHANGED:
      return MO_TXN_DONE;
    case TXN_SUCCESS:
      if (txn->made_root) {
        return MO_TXN_AGAIN; /* once more, with a row whose next_cfg can be counted up */
      }
      txn->awaited = txn->wait ? ovsdb_idl_txn_get_increment_new_value(txn->idl_txn) : 0;
      return MO_TXN_DONE;
    case TXN_TRY_AGAIN:
      return MO_TXN_AGAIN;
    case TXN_UNCOMMITTED:
    case TXN_ABORTED:
    case TXN_NOT_LOCKED:
    case TXN_ERROR:
    default:
      *error = xasprintf("%s: %s", ovsdb_idl_txn_status_to_string(status), ovsdb_idl_txn_get_error(txn->idl_txn));
      return MO_TXN_FAILED;
  }
}

int64_t mo_txn_awaited_cfg(const mo_txn* txn) {
  return txn->awaited;
}

void mo_txn_wait(const mo_txn* txn) {
  ovsdb_idl_txn_wait(txn->idl_txn);
}

void mo_txn_end(mo_txn* txn) {
  if (txn) {
    ovsdb_idl_txn_destroy(txn->idl_txn);
    free(txn);
  }
}
