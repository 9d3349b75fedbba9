#include <config.h>
#include "ovsdb.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/uuid.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"
#include "vswitch-idl.h"

struct mo_db {
    struct ovsdb_idl *idl;
    char *remote;
};

struct mo_txn {
    struct mo_db *db;
    struct ovsdb_idl_txn *idl_txn;
    const struct ovsrec_open_vswitch *root;
    bool wait, made_root;
    int64_t awaited;
};

mo_db *mo_db_open(const char *remote)
{
    mo_db *db = xzalloc(sizeof *db);
    struct ovsdb_idl *idl = db->idl = ovsdb_idl_create_unconnected(&ovsrec_idl_class, false);
    db->remote = xstrdup(remote);
    /* Only what is used: the statistics and status columns alone would wake every client every five seconds. */
    ovsdb_idl_add_table(idl, &ovsrec_table_open_vswitch);
    ovsdb_idl_add_table(idl, &ovsrec_table_bridge);
    ovsdb_idl_add_table(idl, &ovsrec_table_port);
    ovsdb_idl_add_table(idl, &ovsrec_table_interface);
    const struct ovsdb_idl_column *columns[] = {
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
    };
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_add_column(idl, columns[i]);
    }
    ovsdb_idl_omit_alert(idl, &ovsrec_open_vswitch_col_next_cfg);
    ovsdb_idl_set_remote(idl, db->remote, true);
    return db;
}

void mo_db_close(mo_db *db)
{
    if (db) {
        ovsdb_idl_destroy(db->idl);
        free(db->remote);
        free(db);
    }
}

void mo_db_run(mo_db *db)
{
    ovsdb_idl_run(db->idl);
}

void mo_db_wait(mo_db *db)
{
    ovsdb_idl_wait(db->idl);
}

int mo_db_is_connected(const mo_db *db)
{
    return ovsdb_idl_is_connected(db->idl);
}

unsigned mo_db_seqno(const mo_db *db)
{
    return ovsdb_idl_get_seqno(db->idl);
}

void mo_db_redial(mo_db *db)
{
    ovsdb_idl_set_remote(db->idl, NULL, true);
    ovsdb_idl_set_remote(db->idl, db->remote, true);
}

static mo_pair *pairs_of(const struct smap *map, size_t *n)
{
    mo_pair *pairs = xcalloc(smap_count(map) + 1, sizeof *pairs);
    const struct smap_node *node;
    *n = 0;
    SMAP_FOR_EACH (node, map) {
        pairs[*n].key = node->key;
        pairs[(*n)++].value = node->value;
    }
    return pairs;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void read_interface(const struct ovsrec_bridge *bridge, const struct ovsrec_port *port,
                           const struct ovsrec_interface *row, const mo_db_reader *reader, void *aux)
{
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
    mo_pair *external_ids = pairs_of(&row->external_ids, &interface.n_external_ids);
    mo_pair *options = pairs_of(&row->options, &interface.n_options);
    interface.external_ids = external_ids;
    interface.options = options;
    reader->interface(aux, &interface);
    free(external_ids);
    free(options);
}

void mo_db_read(const mo_db *db, const mo_db_reader *reader, void *aux)
{
    const struct ovsrec_open_vswitch *root = ovsrec_open_vswitch_first(db->idl);
    if (!root) {
        return;
    }
    mo_db_root told = {
        .ovs_version = or_empty(root->ovs_version),
        .datapath_types = (const char *const *) root->datapath_types,
        .n_datapath_types = root->n_datapath_types,
        .next_cfg = root->next_cfg,
        .cur_cfg = root->cur_cfg,
    };
    snprintf(told.id, sizeof told.id, UUID_FMT, UUID_ARGS(&root->header_.uuid));
    mo_pair *external_ids = pairs_of(&root->external_ids, &told.n_external_ids);
    mo_pair *other_config = pairs_of(&root->other_config, &told.n_other_config);
    told.external_ids = external_ids;
    told.other_config = other_config;
    reader->root(aux, &told);
    free(external_ids);
    free(other_config);
    for (size_t b = 0; b < root->n_bridges; b++) {
        const struct ovsrec_bridge *row = root->bridges[b];
        mo_db_bridge bridge = {
            .name = row->name,
            .datapath_type = or_empty(row->datapath_type),
            .datapath_id = or_empty(row->datapath_id),
            .fail_mode = or_empty(row->fail_mode),
        };
        reader->bridge(aux, &bridge);
        for (size_t p = 0; p < row->n_ports; p++) {
            for (size_t i = 0; i < row->ports[p]->n_interfaces; i++) {
                read_interface(row, row->ports[p], row->ports[p]->interfaces[i], reader, aux);
            }
        }
    }
}

mo_txn *mo_txn_begin(mo_db *db, const char *comment, int wait)
{
    mo_txn *txn = xzalloc(sizeof *txn);
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

static const struct ovsrec_bridge *find_bridge(const mo_txn *txn, const char *name)
{
    const struct ovsrec_bridge *row;
    OVSREC_BRIDGE_FOR_EACH (row, txn->db->idl) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static const struct ovsrec_port *find_port(const mo_txn *txn, const char *name)
{
    const struct ovsrec_port *row;
    OVSREC_PORT_FOR_EACH (row, txn->db->idl) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

/* The bridge that has `port`; NULL also for a port that this very transaction made. */
static const struct ovsrec_bridge *bridge_of(const mo_txn *txn, const struct ovsrec_port *port)
{
    const struct ovsrec_bridge *row;
    OVSREC_BRIDGE_FOR_EACH (row, txn->db->idl) {
        for (size_t i = 0; i < row->n_ports; i++) {
            if (row->ports[i] == port) {
                return row;
            }
        }
    }
    return NULL;
}

static void smap_from(struct smap *map, const mo_pair *pairs, size_t n)
{
    smap_init(map);
    for (size_t i = 0; i < n; i++) {
        smap_replace(map, pairs[i].key, pairs[i].value);
    }
}

static bool has_pair(const struct smap *map, const mo_pair *pair)
{
    const char *value = smap_get(map, pair->key);
    return value && !strcmp(value, pair->value);
}

/* `into` after the pairs are merged into it differs from before? Then it is to be written. */
static bool merge(struct smap *into, const struct smap *before, const mo_pair *pairs, size_t n)
{
    bool differs = false;
    smap_clone(into, before);
    for (size_t i = 0; i < n; i++) {
        differs = differs || !has_pair(before, &pairs[i]);
        smap_replace(into, pairs[i].key, pairs[i].value);
    }
    return differs;
}

static struct ovsrec_port *insert_port(mo_txn *txn, const mo_port_wish *wish)
{
    struct ovsrec_interface *interface = ovsrec_interface_insert(txn->idl_txn);
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
    smap_from(&map, wish->external_ids, wish->n_external_ids);
    ovsrec_interface_set_external_ids(interface, &map);
    smap_destroy(&map);
    struct ovsrec_port *port = ovsrec_port_insert(txn->idl_txn);
    ovsrec_port_set_name(port, wish->name);
    ovsrec_port_set_interfaces(port, &interface, 1);
    return port;
}

mo_txn_problem mo_txn_ensure_bridge(mo_txn *txn, const mo_bridge_wish *wish, char **error)
{
    const struct ovsrec_bridge *bridge = find_bridge(txn, wish->name);
    if (!bridge) {
        const struct ovsrec_port *taken = find_port(txn, wish->name);
        if (taken) {
            *error = xasprintf("a port is called %s already", wish->name);
            return MO_CONFLICT;
        }
        struct ovsrec_bridge *made = ovsrec_bridge_insert(txn->idl_txn);
        const mo_port_wish local = {.name = wish->name, .type = "internal", .mac = ""};
        struct ovsrec_port *port = insert_port(txn, &local);
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
        ovsrec_bridge_set_protocols(bridge, CONST_CAST(const char **, wish->protocols), wish->n_protocols);
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

static void delete_port_row(const struct ovsrec_bridge *bridge, const struct ovsrec_port *port)
{
    ovsrec_bridge_update_ports_delvalue(bridge, port); /* a mutation: no lost update of the set */
    for (size_t i = 0; i < port->n_interfaces; i++) {
        ovsrec_interface_delete(port->interfaces[i]);
    }
    ovsrec_port_delete(port);
}

mo_txn_problem mo_txn_delete_bridge(mo_txn *txn, const char *name, char **error OVS_UNUSED)
{
    const struct ovsrec_bridge *bridge = find_bridge(txn, name);
    if (bridge) {
        /* The server collects the rows of its ports and interfaces. */
        ovsrec_open_vswitch_update_bridges_delvalue(txn->root, bridge);
        ovsrec_bridge_delete(bridge);
    }
    return MO_OK;
}

static void amend_interface(const struct ovsrec_interface *interface, const mo_port_wish *wish)
{
    if (strcmp(or_empty(interface->type), wish->type)) {
        ovsrec_interface_set_type(interface, wish->type);
    }
    if (wish->ofport_request
        && !(interface->n_ofport_request && interface->ofport_request[0] == wish->ofport_request)) {
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
    if (merge(&map, &interface->external_ids, wish->external_ids, wish->n_external_ids)) {
        ovsrec_interface_set_external_ids(interface, &map);
    }
    smap_destroy(&map);
}

mo_txn_problem mo_txn_add_port(mo_txn *txn, const mo_port_wish *wish, char **error)
{
    const struct ovsrec_bridge *bridge = find_bridge(txn, wish->bridge);
    if (!bridge) {
        *error = xasprintf("there is no bridge %s", wish->bridge);
        return MO_NOT_FOUND;
    }
    const struct ovsrec_port *port = find_port(txn, wish->name);
    if (!port) {
        ovsrec_bridge_update_ports_addvalue(bridge, insert_port(txn, wish));
        return MO_OK;
    }
    const struct ovsrec_bridge *owner = bridge_of(txn, port);
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

mo_txn_problem mo_txn_delete_port(mo_txn *txn, const char *bridge_name, const char *name, char **error)
{
    const struct ovsrec_port *port = find_port(txn, name);
    const struct ovsrec_bridge *owner = port ? bridge_of(txn, port) : NULL;
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

void mo_txn_set_other_config(mo_txn *txn, const mo_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!pairs[i].value[0]) {
            ovsrec_open_vswitch_update_other_config_delkey(txn->root, pairs[i].key);
        } else {
            ovsrec_open_vswitch_update_other_config_setkey(txn->root, pairs[i].key, pairs[i].value);
        }
    }
}

mo_txn_status mo_txn_commit(mo_txn *txn, char **error)
{
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

int64_t mo_txn_awaited_cfg(const mo_txn *txn)
{
    return txn->awaited;
}

void mo_txn_wait(const mo_txn *txn)
{
    ovsdb_idl_txn_wait(txn->idl_txn);
}

void mo_txn_end(mo_txn *txn)
{
    if (txn) {
        ovsdb_idl_txn_destroy(txn->idl_txn);
        free(txn);
    }
}
