/* A replica of the Open vSwitch database (the columns that Mooring uses) and transactions on it. Non-blocking. */
#ifndef MOORING_OVS_SHIM_OVSDB_H
#define MOORING_OVS_SHIM_OVSDB_H 1

#include "shim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mo_db mo_db;

mo_db* mo_db_open(const char* remote);
void mo_db_close(mo_db*);
void mo_db_run(mo_db*);
void mo_db_wait(mo_db*);
/* The session is up; the replica may still be on its way. */
int mo_db_is_connected(const mo_db*);
/* Changes with every change of the replica. */
unsigned mo_db_seqno(const mo_db*);
/* Dials at once, without libopenvswitch's back-off of one second and more. */
void mo_db_redial(mo_db*);

typedef struct {
  char id[37]; /* UUID of the row */
  const char* ovs_version;
  const char* const* datapath_types;
  size_t n_datapath_types;
  const mo_pair *external_ids, *other_config;
  size_t n_external_ids, n_other_config;
  int64_t next_cfg, cur_cfg;
} mo_db_root;
typedef struct {
  const char *name, *datapath_type, *datapath_id, *fail_mode;
} mo_db_bridge;
typedef struct {
  const char *bridge, *port, *name, *type, *error, *mac_in_use;
  int has_ofport;
  int64_t ofport; /* -1: vswitchd could not open it */
  const mo_pair *external_ids, *options, *bfd;
  size_t n_external_ids, n_options, n_bfd;
  int bfd_forwarding; /* of its status */
} mo_db_interface;
/* A bridge is told before its interfaces; what the pointers lead to lives until the call returns. */
typedef struct {
  void (*root)(void* aux, const mo_db_root*);
  void (*bridge)(void* aux, const mo_db_bridge*);
  /* It is as the call before told it; 0: that is not known any more, tell it again. */
  int (*unchanged)(void* aux, const char* bridge, const char* port, const char* name);
  void (*interface)(void* aux, const mo_db_interface*);
} mo_db_reader;
void mo_db_read(mo_db*, const mo_db_reader*, void* aux);

typedef struct mo_txn mo_txn;
typedef struct {
  const char *name, *datapath_type, *fail_mode; /* "" = leave as it is */
  const char* const* protocols;
  size_t n_protocols;
  const mo_pair *other_config, *external_ids;
  size_t n_other_config, n_external_ids;
} mo_bridge_wish;
typedef struct {
  const char *bridge, *name, *type, *mac; /* mac "" = none */
  int64_t ofport_request, mtu_request;    /* 0 = none */
  const mo_pair *options, *external_ids, *bfd;
  size_t n_options, n_external_ids, n_bfd;
} mo_port_wish;

/* One transaction may be built at a time. `wait`: ask vswitchd to say when it has applied it. */
mo_txn* mo_txn_begin(mo_db*, const char* comment, int wait);
typedef enum { MO_OK, MO_NOT_FOUND, MO_CONFLICT } mo_txn_problem;
/* Each gives MO_OK or a problem with its *error text. */
mo_txn_problem mo_txn_ensure_bridge(mo_txn*, const mo_bridge_wish*, char** error);
mo_txn_problem mo_txn_delete_bridge(mo_txn*, const char* name, char** error);
mo_txn_problem mo_txn_add_port(mo_txn*, const mo_port_wish*, char** error);
mo_txn_problem mo_txn_delete_port(mo_txn*, const char* bridge, const char* name, char** error);
void mo_txn_set_other_config(mo_txn*, const mo_pair*, size_t n);

typedef enum { MO_TXN_UNDER_WAY, MO_TXN_DONE, MO_TXN_AGAIN, MO_TXN_FAILED } mo_txn_status;
/* Call until it is no longer under way; *error with MO_TXN_FAILED. */
mo_txn_status mo_txn_commit(mo_txn*, char** error);
/* After MO_TXN_DONE: the cur_cfg that vswitchd will reach, 0 if not asked for. */
int64_t mo_txn_awaited_cfg(const mo_txn*);
void mo_txn_wait(const mo_txn*);
void mo_txn_end(mo_txn*);

#ifdef __cplusplus
}
#endif
#endif
