/* Packets that the switch hands to us (NXT_PACKET_IN2) and that we hand to it (packet-out). */
#ifndef MOORING_OVS_SHIM_PACKET_IO_H
#define MOORING_OVS_SHIM_PACKET_IO_H 1

#include "openflow.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Asks for packet-ins in the format that carries user data. `controller` actions cut them as they say. */
void mo_of_want_packets(mo_of*);
/* "set_field:0->pkt_mark,…,output:2" applied to a packet that came in by `in_port`. */
char* mo_of_packet_out(mo_of*, uint32_t in_port, const char* actions, const void* packet, size_t size);
/* The flows of one table whose cookie has `cookie` in the bits of `mask`: answered as MO_FLOWS. */
uint32_t mo_of_dump_table(mo_of*, uint8_t table, uint64_t cookie, uint64_t mask);

#ifdef __cplusplus
}
#endif
#endif
