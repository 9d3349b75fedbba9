// A group: several ways out of which the switch takes one by itself, because one of them is dead (fast failover) or to
// spread packets (select). A flow, or a bucket of another group, leads to it by the action `group:ID`.
//
// The same text is made of what a person writes and of what the switch tells, by libopenvswitch: equal groups are equal
// texts. A group may lead only to groups of lower ids: so they are made in ascending order and deleted in descending.
//
// Source: OpenFlow 1.5.1, 5.10; ovs-ofctl(8), "Group Syntax". Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/base/error.hpp"

namespace mooring::ovs {

struct Group {
  std::uint32_t id = 0;
  std::string text;  // canonical: "group_id=7,type=ff,bucket=bucket_id:1,watch_port:1,actions=output:1"
  bool operator==(const Group&) const = default;
};

using Groups = std::map<std::uint32_t, Group>;  // by id

// `put` makes it, or replaces all its buckets at once.
struct GroupChange {
  enum class Kind { put, remove };
  Kind kind = Kind::put;
  Group group;
  bool operator==(const GroupChange&) const = default;
};

// `text` as ovs-ofctl add-group takes it. Errc::invalid_argument with libopenvswitch's reason.
Result<Group> parse_group(std::string_view text);

// The groups that an action list, or a group's text, leads to. "set_field:1->reg0,group:7" gives 7.
std::vector<std::uint32_t> groups_of(std::string_view actions);

}  // namespace mooring::ovs
