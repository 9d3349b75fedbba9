/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "text.h"
#include "text_internal.h"
#include "util.h"

static void flow_mod_clear(struct ofputil_flow_mod* fm) {
  free(fm->ofpacts);
  minimatch_destroy(&fm->match);
}

/* A field whose prerequisite is missing ("nw_dst" without "ip") would be left out silently by the encoder. */
static char* check_prerequisites(const struct ofputil_flow_mod* fm) {
  struct match given, kept;
  minimatch_expand(&fm->match, &given);
  kept = given;
  ofputil_normalize_match_quiet(&kept);
  if (match_equal(&given, &kept)) {
    return NULL;
  }
  char* wanted = match_to_string(&given, NULL, OFP_DEFAULT_PRIORITY);
  char* left = match_to_string(&kept, NULL, OFP_DEFAULT_PRIORITY);
  char* error =
      xasprintf("a field of the match lacks its prerequisite: of \"%s\" only \"%s\" would be matched", wanted, left);
  free(wanted);
  free(left);
  return error;
}

static char* parse(const char* text, int command, struct ofputil_flow_mod* fm) {
  enum ofputil_protocol usable;
  char* error = parse_ofp_flow_mod_str(fm, text, NULL, NULL, command, &usable);
  if (error) {
    return error;
  }
  if (!(usable & MO_PROTOCOL)) {
    error = xstrdup("OpenFlow 1.5 cannot express this flow");
  } else if (fm->flags || fm->importance) {
    error = xstrdup("flow flags and importance are not supported");
  } else {
    error = check_prerequisites(fm);
  }
  if (error) {
    flow_mod_clear(fm);
  }
  return error;
}

char* mo_flow_encode(const char* text, int command, struct ofpbuf** message) {
  struct ofputil_flow_mod fm;
  char* error = parse(text, command, &fm);
  if (error) {
    return error;
  }
  *message = ofputil_encode_flow_mod(&fm, MO_PROTOCOL);
  flow_mod_clear(&fm);
  ofpmsg_update_length(*message);
  return NULL;
}

void mo_flow_from_stats(const struct ofputil_flow_stats* fs, mo_flow* out) {
  memset(out, 0, sizeof *out);
  out->table = fs->table_id;
  out->priority = fs->priority;
  out->idle_timeout = fs->idle_timeout;
  out->hard_timeout = fs->hard_timeout;
  out->cookie = ntohll(fs->cookie);
  out->packets = fs->packet_count == UINT64_MAX ? 0 : fs->packet_count;
  out->bytes = fs->byte_count == UINT64_MAX ? 0 : fs->byte_count;
  out->duration_seconds = fs->duration_sec;
  out->match = match_to_string(&fs->match, NULL, OFP_DEFAULT_PRIORITY);
  struct ds actions = DS_EMPTY_INITIALIZER;
  struct ofpact_format_params format = {.s = &actions};
  ofpacts_format(fs->ofpacts, fs->ofpacts_len, &format);
  out->actions = ds_steal_cstr(&actions);
}

/* What the switch makes of `flow_mod` and tells when asked. */
static char* through_the_switch(const struct ofpbuf* flow_mod, mo_flow* out) {
  struct ofputil_flow_mod fm;
  uint64_t stub[1024 / 8];
  struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
  enum ofperr refused = ofputil_decode_flow_mod(&fm, flow_mod->data, MO_PROTOCOL, NULL, NULL, &ofpacts, OFPP_MAX, 255);
  if (refused) {
    ofpbuf_uninit(&ofpacts);
    return xasprintf("%s: %s", ofperr_get_name(refused), ofperr_get_description(refused));
  }
  struct ofputil_flow_stats said = {
      .table_id = fm.table_id,
      .priority = fm.priority,
      .cookie = fm.new_cookie,
      .idle_timeout = fm.idle_timeout,
      .hard_timeout = fm.hard_timeout,
      .idle_age = -1,
      .hard_age = -1,
      .ofpacts = ofpacts.data,
      .ofpacts_len = ofpacts.size,
  };
  minimatch_expand(&fm.match, &said.match);
  minimatch_destroy(&fm.match);

  struct ofputil_flow_stats_request ask = {.out_port = OFPP_ANY, .out_group = OFPG_ANY, .table_id = OFPTT_ALL};
  match_init_catchall(&ask.match);
  struct ofpbuf* request = ofputil_encode_flow_stats_request(&ask, MO_PROTOCOL);
  struct ovs_list replies;
  ofpmp_init(&replies, request->data);
  ofputil_append_flow_stats_reply(&said, &replies, NULL);
  ofpbuf_delete(request);
  ofpbuf_uninit(&ofpacts);

  struct ofpbuf* reply = ofpbuf_from_list(ovs_list_pop_front(&replies));
  struct ofpbuf* rest;
  LIST_FOR_EACH_POP(rest, list_node, &replies) {
    ofpbuf_delete(rest);
  }
  uint64_t heard_stub[1024 / 8];
  struct ofpbuf heard_ofpacts = OFPBUF_STUB_INITIALIZER(heard_stub);
  struct ofputil_flow_stats heard;
  ofpmsg_update_length(reply);
  struct ofpbuf on_the_wire = ofpbuf_const_initializer(reply->data, reply->size);
  int failed = ofputil_decode_flow_stats_reply(&heard, &on_the_wire, true, &heard_ofpacts);
  if (!failed) {
    mo_flow_from_stats(&heard, out);
  }
  ofpbuf_uninit(&heard_ofpacts);
  ofpbuf_delete(reply);
  return failed ? xstrdup("the flow does not survive its own encoding") : NULL;
}

char* mo_flow_parse(const char* text, mo_flow* out) {
  struct ofpbuf* message;
  memset(out, 0, sizeof *out);
  char* error = mo_flow_encode(text, OFPFC_ADD, &message);
  if (!error) {
    error = through_the_switch(message, out);
    ofpbuf_delete(message);
  }
  return error;
}

void mo_flow_clear(mo_flow* flow) {
  free(flow->match);
  free(flow->actions);
  flow->match = flow->actions = NULL;
}
