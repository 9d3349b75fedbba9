/* What the shim's OpenFlow files share; includes libopenvswitch. */
#ifndef MOORING_OVS_SHIM_OPENFLOW_INTERNAL_H
#define MOORING_OVS_SHIM_OPENFLOW_INTERNAL_H 1

#include "openflow.h"
#include "openvswitch/ofpbuf.h"

struct ofp_header;

/* Takes `request`, returns its xid. */
uint32_t mo_of_queue(mo_of*, struct ofpbuf* request);
/* Fills `out` from an OFPTYPE_PACKET_IN; leaves it MO_NOTHING if the message cannot be decoded. */
void mo_packet_in_decode(const struct ofp_header*, mo_message* out);
/* Fills `out` from an OFPTYPE_GROUP_DESC_STATS_REPLY. */
void mo_groups_decode(const struct ofp_header*, mo_message* out);

#endif
