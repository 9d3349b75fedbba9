/* What text.c and openflow.c share; includes libopenvswitch. */
#ifndef MOORING_OVS_SHIM_TEXT_INTERNAL_H
#define MOORING_OVS_SHIM_TEXT_INTERNAL_H 1

#include "openvswitch/ofp-flow.h"
#include "text.h"

struct ofpbuf;

#define MO_PROTOCOL OFPUTIL_P_OF15_OXM

/* `command` is OFPFC_ADD or OFPFC_DELETE_STRICT; on success *message is an encoded flow_mod. */
char* mo_flow_encode(const char* text, int command, struct ofpbuf** message);
/* Formats one flow of a dump. */
void mo_flow_from_stats(const struct ofputil_flow_stats*, mo_flow* out);

#endif
