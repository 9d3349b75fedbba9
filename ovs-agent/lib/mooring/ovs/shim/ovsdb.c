/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "openvswitch/uuid.h"
#include "ovsdb-idl.h"
#include "ovsdb.h"
#include "ovsdb_internal.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

mo_db* mo_db_open(const char* remote) {
  mo_db* db = xzalloc(sizeof *db);
  struct ovsdb_idl* idl = db->idl = ovsdb_idl_create_unconnected(&ovsrec_idl_class, false);
  db->remote = xstrdup(remote);
  /* Only what is used: the statistics and status columns alone would wake every client every five seconds. */
  ovsdb_idl_add_table(idl, &ovsrec_table_open_vswitch);
  ovsdb_idl_add_table(idl, &ovsrec_table_bridge);
  ovsdb_idl_add_table(idl, &ovsrec_table_port);
  ovsdb_idl_add_table(idl, &ovsrec_table_interface);
  const struct ovsdb_idl_column* columns[] = {
      &ovsrec_open_vswitch_col_cur_cfg,
      &ovsrec_open_vswitch_col_next_cfg,
      &ovsrec_open_vswitch_col_bridges,
      &ovsrec_open_vswitch_col_datapath_types,
      &ovsrec_open_vswitch_col_external_ids,
      &ovsrec_open_vswitch_col_other_config,
      &ovsrec_open_vswitch_col_ovs_version,
      &ovsrec_bridge_col_name,
      &ovsrec_bridge_col_ports,
      &ovsrec_bridge_col_datapath_type,
      &ovsrec_bridge_col_datapath_id,
      &ovsrec_bridge_col_fail_mode,
      &ovsrec_bridge_col_protocols,
      &ovsrec_bridge_col_other_config,
      &ovsrec_bridge_col_external_ids,
      &ovsrec_port_col_name,
      &ovsrec_port_col_interfaces,
      &ovsrec_interface_col_name,
      &ovsrec_interface_col_type,
      &ovsrec_interface_col_ofport,
      &ovsrec_interface_col_ofport_request,
      &ovsrec_interface_col_error,
      &ovsrec_interface_col_mac,
      &ovsrec_interface_col_mac_in_use,
      &ovsrec_interface_col_mtu_request,
      &ovsrec_interface_col_external_ids,
      &ovsrec_interface_col_options,
      &ovsrec_interface_col_bfd,
      &ovsrec_interface_col_bfd_status,
  };
  for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
    ovsdb_idl_add_column(idl, columns[i]);
  }
  ovsdb_idl_omit_alert(idl, &ovsrec_open_vswitch_col_next_cfg);
  ovsdb_idl_set_remote(idl, db->remote, true);
  return db;
}

void mo_db_close(mo_db* db) {
  if (db) {
    ovsdb_idl_destroy(db->idl);
    free(db->remote);
    free(db);
  }
}

void mo_db_run(mo_db* db) {
  ovsdb_idl_run(db->idl);
}

void mo_db_wait(mo_db* db) {
  ovsdb_idl_wait(db->idl);
}

int mo_db_is_connected(const mo_db* db) {
  return ovsdb_idl_is_connected(db->idl);
}

unsigned mo_db_seqno(const mo_db* db) {
  return ovsdb_idl_get_seqno(db->idl);
}

void mo_db_redial(mo_db* db) {
  ovsdb_idl_set_remote(db->idl, NULL, true);
  ovsdb_idl_set_remote(db->idl, db->remote, true);
}

static mo_pair* pairs_of(const struct smap* map, size_t* n) {
  mo_pair* pairs = xcalloc(smap_count(map) + 1, sizeof *pairs);
  const struct smap_node* node;
  *n = 0;
  SMAP_FOR_EACH(node, map) {
    pairs[*n].key = node->key;
    pairs[(*n)++].value = node->value;
  }
  return pairs;
}

/* A replica of a thousand interfaces changes in one or two of them. */
static int has_changed(const mo_db* db, const struct ovsrec_interface* row) {
  const unsigned inserted = ovsrec_interface_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT);
  const unsigned modified = ovsrec_interface_row_get_seqno(row, OVSDB_IDL_CHANGE_MODIFY);
  return inserted > db->read_seqno || modified > db->read_seqno;
}

static void read_interface(const mo_db* db, const struct ovsrec_bridge* bridge, const struct ovsrec_port* port,
                           const struct ovsrec_interface* row, const mo_db_reader* reader, void* aux) {
  if (!has_changed(db, row) && reader->unchanged(aux, bridge->name, port->name, row->name)) {
    return;
  }
  mo_db_interface interface = {
      .bridge = bridge->name,
      .port = port->name,
      .name = row->name,
      .type = or_empty(row->type),
      .error = or_empty(row->error),
      .mac_in_use = or_empty(row->mac_in_use),
      .has_ofport = row->n_ofport > 0,
      .ofport = row->n_ofport > 0 ? row->ofport[0] : 0,
  };
  mo_pair* external_ids = pairs_of(&row->external_ids, &interface.n_external_ids);
  mo_pair* options = pairs_of(&row->options, &interface.n_options);
  interface.external_ids = external_ids;
  interface.options = options;
  mo_pair* bfd = pairs_of(&row->bfd, &interface.n_bfd);
  interface.bfd = bfd;
  interface.bfd_forwarding = smap_get_bool(&row->bfd_status, "forwarding", false);
  reader->interface(aux, &interface);
  free(external_ids);
  free(options);
  free(bfd);
}

void mo_db_read(mo_db* db, const mo_db_reader* reader, void* aux) {
  const struct ovsrec_open_vswitch* root = ovsrec_open_vswitch_first(db->idl);
  if (!root) {
    return;
  }
  mo_db_root told = {
      .ovs_version = or_empty(root->ovs_version),
      .datapath_types = (const char* const*)root->datapath_types,
      .n_datapath_types = root->n_datapath_types,
      .next_cfg = root->next_cfg,
      .cur_cfg = root->cur_cfg,
  };
  snprintf(told.id, sizeof told.id, UUID_FMT, UUID_ARGS(&root->header_.uuid));
  mo_pair* external_ids = pairs_of(&root->external_ids, &told.n_external_ids);
  mo_pair* other_config = pairs_of(&root->other_config, &told.n_other_config);
  told.external_ids = external_ids;
  told.other_config = other_config;
  reader->root(aux, &told);
  free(external_ids);
  free(other_config);
  for (size_t b = 0; b < root->n_bridges; b++) {
    const struct ovsrec_bridge* row = root->bridges[b];
    mo_db_bridge bridge = {
        .name = row->name,
        .datapath_type = or_empty(row->datapath_type),
        .datapath_id = or_empty(row->datapath_id),
        .fail_mode = or_empty(row->fail_mode),
    };
    reader->bridge(aux, &bridge);
    for (size_t p = 0; p < row->n_ports; p++) {
      for (size_t i = 0; i < row->ports[p]->n_interfaces; i++) {
        read_interface(db, row, row->ports[p], row->ports[p]->interfaces[i], reader, aux);
      }
    }
  }
  db->read_seqno = ovsdb_idl_get_seqno(db->idl);
}
