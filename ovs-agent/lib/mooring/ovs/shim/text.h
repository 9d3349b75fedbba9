/* Flows as text: what ovs-ofctl reads, in the form in which the switch would show it. */
#ifndef MOORING_OVS_SHIM_TEXT_H
#define MOORING_OVS_SHIM_TEXT_H 1

#include "shim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint8_t table;
  uint16_t priority, idle_timeout, hard_timeout;
  uint64_t cookie;
  char *match, *actions;   /* canonical */
  uint64_t packets, bytes; /* of a dump */
  uint32_t duration_seconds;
} mo_flow;

/* Parses, encodes for OpenFlow 1.5, decodes as the switch does, encodes as its flow description, decodes and formats.
 */
char* mo_flow_parse(const char* text, mo_flow* out);
void mo_flow_clear(mo_flow*);

#ifdef __cplusplus
}
#endif
#endif
