/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "openflow.h"
#include "openflow_internal.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vconn.h"
#include "socket-util.h"
#include "text_internal.h"
#include "util.h"

#define OF_VERSION OFP15_VERSION
#define BUNDLE_FLAGS (OFPBF_ATOMIC | OFPBF_ORDERED)

struct mo_of {
  struct vconn* vconn;
  struct ovs_list unsent;
  int dead;
  bool connected;
};

mo_of* mo_of_open(const char* target, int* error) {
  struct vconn* vconn;
  *error = vconn_open(target, 1u << OF_VERSION, DSCP_DEFAULT, &vconn);
  if (*error) {
    return NULL;
  }
  mo_of* of = xzalloc(sizeof *of);
  of->vconn = vconn;
  ovs_list_init(&of->unsent);
  return of;
}

void mo_of_close(mo_of* of) {
  if (of) {
    ofpbuf_list_delete(&of->unsent);
    vconn_close(of->vconn);
    free(of);
  }
}

static int not_zero(int error) {
  return error == EOF ? ECONNRESET : error;
}

int mo_of_run(mo_of* of) {
  if (of->dead) {
    return of->dead;
  }
  vconn_run(of->vconn);
  if (!of->connected) {
    int error = vconn_connect(of->vconn);
    if (error == EAGAIN) {
      return 0;
    }
    if (error) {
      return of->dead = not_zero(error);
    }
    of->connected = true;
  }
  while (!ovs_list_is_empty(&of->unsent)) {
    struct ofpbuf* message = ofpbuf_from_list(ovs_list_front(&of->unsent));
    ovs_list_remove(&message->list_node);
    int error = vconn_send(of->vconn, message);
    if (error == EAGAIN) {
      ovs_list_push_front(&of->unsent, &message->list_node);
      break;
    }
    if (error) {
      ofpbuf_delete(message);
      return of->dead = not_zero(error);
    }
  }
  return of->dead;
}

int mo_of_connected(const mo_of* of) {
  return of->connected && !of->dead;
}

void mo_of_wait(mo_of* of) {
  vconn_run_wait(of->vconn);
  if (!of->connected) {
    vconn_connect_wait(of->vconn);
    return;
  }
  vconn_recv_wait(of->vconn);
  if (!ovs_list_is_empty(&of->unsent)) {
    vconn_send_wait(of->vconn);
  }
}

static uint32_t queue(mo_of* of, struct ofpbuf* message) {
  ofpmsg_update_length(message);
  const struct ofp_header* header = message->data;
  uint32_t xid = ntohl(header->xid);
  ovs_list_push_back(&of->unsent, &message->list_node);
  return xid;
}

uint32_t mo_of_queue(mo_of* of, struct ofpbuf* request) {
  return queue(of, request);
}

uint32_t mo_of_barrier(mo_of* of) {
  return queue(of, ofputil_encode_barrier_request(OF_VERSION));
}

uint32_t mo_of_dump_flows(mo_of* of) {
  struct ofputil_flow_stats_request ask = {.out_port = OFPP_ANY, .out_group = OFPG_ANY, .table_id = OFPTT_ALL};
  match_init_catchall(&ask.match);
  return queue(of, ofputil_encode_flow_stats_request(&ask, MO_PROTOCOL));
}

uint32_t mo_of_bundle(mo_of* of, mo_bundle_step step, uint32_t bundle_id) {
  struct ofputil_bundle_ctrl_msg control = {
      .bundle_id = bundle_id,
      .flags = BUNDLE_FLAGS,
      .type = step == MO_BUNDLE_OPEN     ? OFPBCT_OPEN_REQUEST
              : step == MO_BUNDLE_COMMIT ? OFPBCT_COMMIT_REQUEST
                                         : OFPBCT_DISCARD_REQUEST,
  };
  return queue(of, ofputil_encode_bundle_ctrl_request(OF_VERSION, &control));
}

char* mo_of_bundle_flow(mo_of* of, uint32_t bundle_id, int remove, const char* flow, uint32_t* xid) {
  struct ofpbuf* flow_mod;
  char* error = mo_flow_encode(flow, remove ? OFPFC_DELETE_STRICT : OFPFC_ADD, &flow_mod);
  if (error) {
    return error;
  }
  struct ofputil_bundle_add_msg add = {.bundle_id = bundle_id, .flags = BUNDLE_FLAGS, .msg = flow_mod->data};
  *xid = queue(of, ofputil_encode_bundle_add(OF_VERSION, &add));
  ofpbuf_delete(flow_mod);
  return NULL;
}

uint32_t mo_of_meter(mo_of* of, mo_meter_step step, const mo_meter* meter) {
  struct ofputil_meter_band band = {.type = OFPMBT13_DROP, .rate = meter->rate, .burst_size = meter->burst};
  struct ofputil_meter_mod mod = {
      .command = step == MO_METER_ADD      ? OFPMC13_ADD
                 : step == MO_METER_MODIFY ? OFPMC13_MODIFY
                                           : OFPMC13_DELETE,
      .meter = {.meter_id = meter->id,
                .flags = (meter->packets ? OFPMF13_PKTPS : OFPMF13_KBPS) | OFPMF13_BURST,
                .n_bands = step == MO_METER_REMOVE ? 0 : 1,
                .bands = &band},
  };
  return queue(of, ofputil_encode_meter_mod(OF_VERSION, &mod));
}

uint32_t mo_of_dump_meters(mo_of* of) {
  return queue(of, ofputil_encode_meter_request(OF_VERSION, OFPUTIL_METER_CONFIG, OFPM13_ALL));
}

static mo_meter meter_from(const struct ofputil_meter_config* config) {
  const int unit = config->flags & (OFPMF13_KBPS | OFPMF13_PKTPS);
  mo_meter meter = {.id = config->meter_id, .packets = unit == OFPMF13_PKTPS};
  if (config->flags == (unit | OFPMF13_BURST) && config->n_bands == 1 && config->bands[0].type == OFPMBT13_DROP) {
    meter.rate = config->bands[0].rate;
    meter.burst = config->bands[0].burst_size;
  }
  return meter;
}

static void receive_meters(struct ofpbuf* message, mo_message* out) {
  out->kind = MO_METERS;
  out->more = ofpmp_more(message->data);
  size_t room = 0;
  uint64_t stub[256 / 8];
  struct ofpbuf bands = OFPBUF_STUB_INITIALIZER(stub);
  for (;;) {
    struct ofputil_meter_config config;
    int error = ofputil_decode_meter_config(message, &config, &bands);
    if (error) {
      if (error != EOF) {
        out->error = xstrdup("a meter in the switch's answer could not be decoded");
      }
      break;
    }
    if (out->n_meters == room) {
      out->meters = x2nrealloc(out->meters, &room, sizeof *out->meters);
    }
    out->meters[out->n_meters++] = meter_from(&config);
  }
  ofpbuf_uninit(&bands);
}

static void receive_flows(struct ofpbuf* message, mo_message* out) {
  out->kind = MO_FLOWS;
  out->more = ofpmp_more(message->data);
  size_t room = 0;
  uint64_t stub[1024 / 8];
  struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
  for (;;) {
    struct ofputil_flow_stats fs;
    int error = ofputil_decode_flow_stats_reply(&fs, message, true, &ofpacts);
    if (error) {
      if (error != EOF) {
        out->error = xstrdup("a flow in the switch's answer could not be decoded");
      }
      break;
    }
    if (out->n_flows == room) {
      out->flows = x2nrealloc(out->flows, &room, sizeof *out->flows);
    }
    mo_flow_from_stats(&fs, &out->flows[out->n_flows++]);
  }
  ofpbuf_uninit(&ofpacts);
}

/* 1 if `message` is an echo request, which is no message for our owner; else 0. */
static int decode(struct ofpbuf* message, mo_message* out) {
  const struct ofp_header* header = message->data;
  enum ofptype type;
  out->xid = ntohl(header->xid);
  if (ofptype_decode(&type, header)) {
    return 0;
  }
  switch ((int)type) {
    case OFPTYPE_ECHO_REQUEST:
      return 1;
    case OFPTYPE_BARRIER_REPLY:
      out->kind = MO_BARRIER_REPLY;
      break;
    case OFPTYPE_BUNDLE_CONTROL:
      out->kind = MO_BUNDLE_REPLY;
      break;
    case OFPTYPE_FLOW_STATS_REPLY:
      receive_flows(message, out);
      break;
    case OFPTYPE_METER_CONFIG_STATS_REPLY:
      receive_meters(message, out);
      break;
    case OFPTYPE_GROUP_DESC_STATS_REPLY:
      mo_groups_decode(header, out);
      break;
    case OFPTYPE_PACKET_IN:
      mo_packet_in_decode(header, out);
      break;
    case OFPTYPE_ERROR: {
      enum ofperr code = ofperr_decode_msg(header, NULL);
      out->kind = MO_ERROR;
      out->error = xasprintf("%s: %s", ofperr_get_name(code), ofperr_get_description(code));
      break;
    }
    default:
      break; /* port status and the like: the OVSDB replica tells it */
  }
  return 0;
}

void mo_of_decode(const void* bytes, size_t size, mo_message* out) {
  memset(out, 0, sizeof *out);
  struct ofpbuf* message = ofpbuf_clone_data(bytes, size);
  decode(message, out);
  ofpbuf_delete(message);
}

void mo_of_receive(mo_of* of, mo_message* out) {
  memset(out, 0, sizeof *out);
  struct ofpbuf* message;
  while (!of->dead && of->connected && out->kind == MO_NOTHING) {
    int error = vconn_recv(of->vconn, &message);
    if (error) {
      if (error != EAGAIN) {
        of->dead = not_zero(error);
      }
      return;
    }
    if (decode(message, out)) {
      queue(of, ofputil_encode_echo_reply(message->data));
    }
    ofpbuf_delete(message);
  }
}

void mo_message_clear(mo_message* message) {
  for (size_t i = 0; i < message->n_flows; i++) {
    mo_flow_clear(&message->flows[i]);
  }
  free(message->flows);
  free(message->meters);
  for (size_t i = 0; i < message->n_groups; i++) {
    free(message->groups[i].text);
  }
  free(message->groups);
  if (message->packet) {
    free(message->packet->data);
    free(message->packet->userdata);
    free(message->packet);
  }
  free(message->error);
  memset(message, 0, sizeof *message);
}
