/* clang-format off: it decides what the system headers declare, so it comes first */
#include <config.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "openflow/openflow.h"
#include "openflow_internal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"
#include "text_internal.h"
#include "util.h"

#define OF_VERSION OFP15_VERSION

static char* parse_group(const char* text, int command, struct ofputil_group_mod* mod) {
  enum ofputil_protocol usable;
  char* error = parse_ofp_group_mod_str(mod, command, text, NULL, NULL, &usable);
  if (!error && !(usable & MO_PROTOCOL)) {
    ofputil_uninit_group_mod(mod);
    error = xstrdup("OpenFlow 1.5 cannot express this group");
  }
  return error;
}

char* mo_of_group(mo_of* of, mo_group_step step, const mo_group* group, uint32_t* xid) {
  struct ofputil_group_mod mod;
  char* id = xasprintf("group_id=%" PRIu32, group->id);
  const int put = step == MO_GROUP_PUT;
  char* error = parse_group(put ? group->text : id, put ? OFPGC11_ADD_OR_MOD : OFPGC11_DELETE, &mod);
  free(id);
  if (!error) {
    *xid = mo_of_queue(of, ofputil_encode_group_mod(OF_VERSION, &mod, NULL, -1));
    ofputil_uninit_group_mod(&mod);
  }
  return error;
}

uint32_t mo_of_dump_groups(mo_of* of) {
  return mo_of_queue(of, ofputil_encode_group_desc_request(OF_VERSION, OFPG_ALL));
}

/* One group of a description, as a message of its own is formatted: "group_id=7,type=ff,bucket=…". */
static int group_from(const struct ofputil_group_desc* desc, mo_group* out) {
  struct ofpbuf* request = ofputil_encode_group_desc_request(OF_VERSION, OFPG_ALL);
  struct ovs_list replies;
  ofpmp_init(&replies, request->data);
  ofpbuf_delete(request);
  ofputil_append_group_desc_reply(desc, &desc->buckets, &replies);
  struct ofpbuf* reply = ofpbuf_from_list(ovs_list_pop_front(&replies));
  struct ofpbuf* rest;
  LIST_FOR_EACH_POP(rest, list_node, &replies) {
    ofpbuf_delete(rest);
  }
  ofpmsg_update_length(reply);
  struct ds text = DS_EMPTY_INITIALIZER;
  const int failed = ofputil_group_desc_format(&text, reply->data, NULL, NULL);
  ofpbuf_delete(reply);
  const char* begin = ds_cstr(&text);
  begin += strspn(begin, " \n");
  out->id = desc->group_id;
  out->text = xstrdup(begin);
  ds_destroy(&text);
  return failed;
}

char* mo_group_parse(const char* text, mo_group* out) {
  struct ofputil_group_mod mod;
  memset(out, 0, sizeof *out);
  char* error = parse_group(text, OFPGC11_ADD, &mod);
  if (error) {
    return error;
  }
  struct ofputil_group_desc desc = {.type = mod.type, .group_id = mod.group_id, .props = mod.props};
  ovs_list_move(&desc.buckets, &mod.buckets);
  if (group_from(&desc, out)) {
    error = xstrdup("the group does not survive its own encoding");
    free(out->text);
    out->text = NULL;
  }
  ofputil_uninit_group_desc(&desc);
  return error;
}

void mo_groups_decode(const struct ofp_header* header, mo_message* out) {
  out->kind = MO_GROUPS;
  out->more = ofpmp_more(header);
  struct ofpbuf message = ofpbuf_const_initializer(header, ntohs(header->length));
  size_t room = 0;
  for (;;) {
    struct ofputil_group_desc desc;
    int error = ofputil_decode_group_desc_reply(&desc, &message, OF_VERSION);
    if (error) {
      if (error != EOF) {
        out->error = xstrdup("a group in the switch's answer could not be decoded");
      }
      return;
    }
    if (out->n_groups == room) {
      out->groups = x2nrealloc(out->groups, &room, sizeof *out->groups);
    }
    if (group_from(&desc, &out->groups[out->n_groups++]) && !out->error) {
      out->error = xstrdup("a group in the switch's answer could not be written as text");
    }
    ofputil_uninit_group_desc(&desc);
  }
}
