/* One OpenFlow 1.5 connection, non-blocking: requests are queued, mo_of_run() sends and receives what it can. */
#ifndef MOORING_OVS_SHIM_OPENFLOW_H
#define MOORING_OVS_SHIM_OPENFLOW_H 1

#include "shim.h"
#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mo_of mo_of;

/* Starts to connect to "unix:/…/BRIDGE.mgmt". NULL and *error (errno) if that failed at once. */
mo_of* mo_of_open(const char* target, int* error);
void mo_of_close(mo_of*);
/* 0, or the errno for which the connection is dead. */
int mo_of_run(mo_of*);
/* Hello exchanged. */
int mo_of_connected(const mo_of*);
/* Adds this connection's conditions to the thread's next mo_block(). */
void mo_of_wait(mo_of*);

/* Each queues a request and returns its xid, by which replies and errors are told apart. */
uint32_t mo_of_barrier(mo_of*);
uint32_t mo_of_dump_flows(mo_of*);
typedef enum { MO_BUNDLE_OPEN, MO_BUNDLE_COMMIT, MO_BUNDLE_DISCARD } mo_bundle_step;
uint32_t mo_of_bundle(mo_of*, mo_bundle_step, uint32_t bundle_id);
/* Adds a flow ("table=…,priority=…,…,actions=…") or, with `remove`, a strict deletion to the open bundle. */
char* mo_of_bundle_flow(mo_of*, uint32_t bundle_id, int remove, const char* flow, uint32_t* xid);

/* A meter with one band that drops; a meter of the switch's that is of another form has rate 0. */
typedef struct {
  uint32_t id;
  int packets; /* of `rate` and `burst`: packets, else kilobits */
  uint32_t rate, burst;
} mo_meter;
/* Not part of a bundle: OVS takes no meters there. */
typedef enum { MO_METER_ADD, MO_METER_MODIFY, MO_METER_REMOVE } mo_meter_step;
uint32_t mo_of_meter(mo_of*, mo_meter_step, const mo_meter*);
uint32_t mo_of_dump_meters(mo_of*);

/* A group as text, in the form in which the switch's is shown. */
typedef struct {
  uint32_t id;
  char* text;
} mo_group;
/* Parses what ovs-ofctl add-group reads, and formats it as the switch's answer. */
char* mo_group_parse(const char* text, mo_group* out);
/* PUT makes the group or replaces it. Not part of a bundle. */
typedef enum { MO_GROUP_PUT, MO_GROUP_REMOVE } mo_group_step;
char* mo_of_group(mo_of*, mo_group_step, const mo_group*, uint32_t* xid);
uint32_t mo_of_dump_groups(mo_of*);

/* A packet that a `controller` action sent us; what it did not cut off of it. */
typedef struct {
  uint8_t table;
  uint32_t in_port, pkt_mark;
  size_t total_size; /* of the whole packet */
  uint8_t *data, *userdata;
  size_t size, userdata_size;
} mo_packet_in;

typedef enum {
  MO_NOTHING,
  MO_BARRIER_REPLY,
  MO_BUNDLE_REPLY,
  MO_FLOWS,
  MO_METERS,
  MO_GROUPS,
  MO_PACKET_IN,
  MO_ERROR,
} mo_message_kind;
typedef struct {
  mo_message_kind kind;
  uint32_t xid;
  mo_flow* flows; /* MO_FLOWS */
  size_t n_flows;
  mo_meter* meters; /* MO_METERS */
  size_t n_meters;
  mo_group* groups; /* MO_GROUPS */
  size_t n_groups;
  int more;             /* MO_FLOWS, MO_METERS, MO_GROUPS: not the last message of this reply */
  mo_packet_in* packet; /* MO_PACKET_IN */
  char* error; /* MO_ERROR: "OFPBAC_BAD_OUT_GROUP: …"; MO_FLOWS, MO_METERS, MO_GROUPS: what could not be decoded */
} mo_message;
/* Takes the next message that matters; MO_NOTHING when there is none. Echo requests are answered inside. */
void mo_of_receive(mo_of*, mo_message*);
/* What the next message would be if these bytes, a header with the right length and what follows it, came in. */
void mo_of_decode(const void* bytes, size_t size, mo_message*);
void mo_message_clear(mo_message*);

#ifdef __cplusplus
}
#endif
#endif
