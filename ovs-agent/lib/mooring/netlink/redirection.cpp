// Traffic control as far as two links are joined: an ingress queueing discipline, one filter that matches everything,
// one action. Source: tc-u32(8), tc-mirred(8), include/uapi/linux/{pkt_sched,pkt_cls}.h, tc_act/tc_mirred.h.
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include <fmt/format.h>

#include "mooring/netlink/connection.hpp"

namespace mooring::netlink {
namespace {

constexpr std::uint32_t ingress_handle = 0xffff0000U;  // "ffff:"
constexpr int first_action = 1;

tcmsg tc_header(int link_index, std::uint32_t handle, std::uint32_t parent, std::uint32_t info) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = link_index;
  header.tcm_handle = handle;
  header.tcm_parent = parent;
  header.tcm_info = info;
  return header;
}

// One key that is always true: u32 wants at least one.
using Selector = std::array<char, sizeof(tc_u32_sel) + sizeof(tc_u32_key)>;
Selector match_everything() {
  tc_u32_sel head{};
  head.flags = TC_U32_TERMINAL;
  head.nkeys = 1;
  Selector selector{};
  std::memcpy(selector.data(), &head, sizeof head);  // its keys follow it
  return selector;
}

nlattr* inside(const nlattr* outer, int type, int most) {
  std::vector<nlattr*> table(static_cast<std::size_t>(most) + 1);
  if (outer == nullptr || nla_parse_nested(table.data(), most, const_cast<nlattr*>(outer), nullptr) < 0) {
    return nullptr;
  }
  return table[static_cast<std::size_t>(type)];
}

std::optional<int> target_of(nlmsghdr* message) {
  const Attributes<TCA_MAX + 1> attributes(message, sizeof(tcmsg));
  const nlattr* actions = inside(attributes[TCA_OPTIONS], TCA_U32_ACT, TCA_U32_MAX);
  const nlattr* action = inside(actions, first_action, TCA_ACT_MAX_PRIO);
  const nlattr* options = inside(action, TCA_ACT_OPTIONS, TCA_ACT_MAX);
  const nlattr* parameters = inside(options, TCA_MIRRED_PARMS, TCA_MIRRED_MAX);
  if (parameters == nullptr || nla_len(parameters) < static_cast<int>(sizeof(tc_mirred))) {
    return std::nullopt;
  }
  return static_cast<int>(static_cast<const tc_mirred*>(nla_data(parameters))->ifindex);
}

}  // namespace

Result<void> NetlinkSocket::redirect_incoming(int from_index, int to_index) {
  const std::string doing = fmt::format("redirecting link number {} to link number {}", from_index, to_index);
  Request discipline(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, tc_header(from_index, ingress_handle, TC_H_INGRESS, 0));
  discipline.put_text(TCA_KIND, "ingress");
  if (const auto done = connection_->call(doing, discipline); !done) {
    return done;
  }
  constexpr std::uint32_t preference = 1;
  Request filter(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                 tc_header(from_index, 0, ingress_handle, preference << 16 | htons(ETH_P_ALL)));
  filter.put_text(TCA_KIND, "u32");
  filter.nest(TCA_OPTIONS, [&](Request& options) {
    options.put(TCA_U32_SEL, match_everything());
    options.nest(TCA_U32_ACT, [&](Request& actions) {
      actions.nest(first_action, [&](Request& action) {
        action.put_text(TCA_ACT_KIND, "mirred");
        action.nest(TCA_ACT_OPTIONS, [&](Request& parameters) {
          tc_mirred redirect{};
          redirect.action = TC_ACT_STOLEN;
          redirect.eaction = TCA_EGRESS_REDIR;
          redirect.ifindex = static_cast<std::uint32_t>(to_index);
          parameters.put(TCA_MIRRED_PARMS, redirect);
        });
      });
    });
  });
  return connection_->call(doing, filter);
}

Result<std::optional<int>> NetlinkSocket::redirection_of(int from_index) {
  Request request(RTM_GETTFILTER, NLM_F_DUMP, tc_header(from_index, 0, ingress_handle, 0));
  const auto targets = connection_->list<int>(fmt::format("listing the filters of link number {}", from_index), request,
                                              [](nlmsghdr* message) { return target_of(message); });
  if (!targets) {
    return targets.error();
  }
  return targets->empty() ? std::nullopt : std::optional(targets->front());
}

}  // namespace mooring::netlink
