/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "flow.h"
#include "openflow/openflow.h"
#include "openflow_internal.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofpbuf.h"
#include "packet_io.h"
#include "text_internal.h"
#include "util.h"

void mo_of_want_packets(mo_of* of) {
  /* A connection like ours is sent nothing unasked until its miss_send_len is not zero. */
  struct ofputil_switch_config config = {
      .frag = OFPUTIL_FRAG_NORMAL, .invalid_ttl_to_controller = -1, .miss_send_len = OFP_DEFAULT_MISS_SEND_LEN};
  mo_of_queue(of, ofputil_encode_set_config(&config, OFP15_VERSION));
  mo_of_queue(of, ofputil_encode_set_packet_in_format(OFP15_VERSION, OFPUTIL_PACKET_IN_NXT2));
}

char* mo_of_packet_out(mo_of* of, uint32_t in_port, const char* actions, const void* packet, size_t size) {
  enum ofputil_protocol usable = OFPUTIL_P_ANY;
  struct ofpbuf ofpacts;
  ofpbuf_init(&ofpacts, 256);
  const struct ofpact_parse_params params = {.ofpacts = &ofpacts, .usable_protocols = &usable};
  char* error = ofpacts_parse_actions(actions, &params);
  if (!error && !(usable & MO_PROTOCOL)) {
    error = xstrdup("OpenFlow 1.5 cannot express these actions");
  }
  if (!error) {
    struct ofputil_packet_out out = {.packet = packet,
                                     .packet_len = size,
                                     .buffer_id = UINT32_MAX,
                                     .ofpacts = ofpacts.data,
                                     .ofpacts_len = ofpacts.size};
    match_init_catchall(&out.flow_metadata);
    match_set_in_port(&out.flow_metadata, u16_to_ofp((uint16_t)in_port));
    mo_of_queue(of, ofputil_encode_packet_out(&out, MO_PROTOCOL));
  }
  ofpbuf_uninit(&ofpacts);
  return error;
}

uint32_t mo_of_dump_table(mo_of* of, uint8_t table, uint64_t cookie, uint64_t mask) {
  struct ofputil_flow_stats_request ask = {.out_port = OFPP_ANY,
                                           .out_group = OFPG_ANY,
                                           .table_id = table,
                                           .cookie = htonll(cookie),
                                           .cookie_mask = htonll(mask)};
  match_init_catchall(&ask.match);
  return mo_of_queue(of, ofputil_encode_flow_stats_request(&ask, MO_PROTOCOL));
}

static uint8_t* copy_of(const void* data, size_t size) {
  return size ? xmemdup(data, size) : NULL;
}

void mo_packet_in_decode(const struct ofp_header* header, mo_message* out) {
  struct ofputil_packet_in pin;
  size_t total = 0;
  if (ofputil_decode_packet_in(header, true, NULL, NULL, &pin, &total, NULL, NULL)) {
    return;
  }
  mo_packet_in* packet = xzalloc(sizeof *packet);
  packet->table = pin.table_id;
  packet->in_port = ofp_to_u16(pin.flow_metadata.flow.in_port.ofp_port);
  packet->pkt_mark = pin.flow_metadata.flow.pkt_mark;
  packet->total_size = total;
  packet->data = copy_of(pin.packet, pin.packet_len);
  packet->size = pin.packet_len;
  packet->userdata = copy_of(pin.userdata, pin.userdata_len);
  packet->userdata_size = pin.userdata_len;
  out->kind = MO_PACKET_IN;
  out->packet = packet;
}
