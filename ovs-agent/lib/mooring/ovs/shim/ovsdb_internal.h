/* What ovsdb.c and ovsdb_txn.c share; includes libopenvswitch. */
#ifndef MOORING_OVS_SHIM_OVSDB_INTERNAL_H
#define MOORING_OVS_SHIM_OVSDB_INTERNAL_H 1

#include "ovsdb.h"

struct ovsdb_idl;

struct mo_db {
  struct ovsdb_idl* idl;
  char* remote;
  unsigned read_seqno; /* of what mo_db_read told last */
};

static inline const char* or_empty(const char* s) {
  return s ? s : "";
}

#endif
