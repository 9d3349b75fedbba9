#include "overlay-gateway/domain/access_plan.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

using ipam_api::AccessAction;
using ipam_api::AccessProtocol;
using ipam_api::AccessTerms;
using ipam_api::PortRange;
using Terms = std::vector<std::string>;  // of which one has to fit
using Family = net::Family;

constexpr std::uint32_t highest = 31'000;  // priority of order 0: those of the rules are 1,000 to 30,999

// Where the tables of a direction are, and where what passes goes on. (A table before: goto_table leads forward only.)
struct Way {
  int opens, rules;
  std::string pass;
};
const Way& way_of(AccessDirection direction) {
  static const Way from{table::from_physical_opens, table::from_physical_rules,
                        fmt::format("resubmit(,{})", table::destination)};
  static const Way to{table::to_physical_opens, table::to_physical_rules,
                      fmt::format("goto_table:{}", table::to_kernel)};
  return direction == AccessDirection::from_physical ? from : to;
}

std::string line(int in_table, std::uint32_t priority, std::uint64_t cookie, std::string_view match,
                 std::string_view actions) {
  return fmt::format("table={},priority={},cookie=0x{:x},{}{}actions={}", in_table, priority, cookie, match,
                     match.empty() ? "" : ",", actions);
}

std::string protocol_word(AccessProtocol protocol, Family family) {
  const bool v4 = family == Family::v4;
  switch (protocol) {
    case AccessProtocol::tcp:
      return v4 ? "tcp" : "tcp6";
    case AccessProtocol::udp:
      return v4 ? "udp" : "udp6";
    case AccessProtocol::icmp:
      return v4 ? "icmp" : "icmp6";
    case AccessProtocol::any:
      break;
  }
  return v4 ? "ip" : "ipv6";
}

// A side of the rule in one family. Empty: nothing fits; nullopt: everything does.
template <class Blocks>
std::optional<Terms> side_of(const Blocks& blocks, Family family, bool source) {
  const char* field = family == Family::v4 ? (source ? "nw_src" : "nw_dst") : (source ? "ipv6_src" : "ipv6_dst");
  Terms terms;
  for (const net::IpCidr& block : blocks) {
    if (block.family() == family && block.prefix_length() == 0) {
      return std::nullopt;
    }
    if (block.family() == family) {
      terms.push_back(fmt::format("{}={}", field, block.str()));
    }
  }
  return terms;
}

std::optional<Terms> overlay_side(const directory::Directory& directory, const AccessTerms& terms, Family family,
                                  bool source) {
  if (!terms.list.empty()) {
    return side_of(directory.listed(terms.list), family, source);
  }
  if (!terms.subnet.empty()) {
    const auto subnet = directory.subnets(family).find(terms.subnet);
    return subnet == directory.subnets(family).end()
               ? Terms()
               : side_of(std::vector<net::IpCidr>{subnet->second.cidr}, family, source);
  }
  return terms.addresses.empty() ? std::nullopt : side_of(terms.addresses, family, source);
}

// Of a fragment no port is seen: a rule that denies takes it for one of its own, a rule that allows does not.
Terms ports_of(const std::vector<PortRange>& ranges, std::string_view field, AccessAction action) {
  Terms terms;
  for (const PortRange& range : ranges) {
    for (const std::string& mask : port_masks(range)) {
      terms.push_back(fmt::format("{}={}", field, mask));
    }
  }
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  if (action == AccessAction::deny) {
    terms.emplace_back("ip_frag=yes");
  }
  return terms;
}

void add_family(std::vector<std::string>& lines, const directory::Directory& directory, const AccessTerms& terms,
                Family family) {
  const bool inward = terms.direction == AccessDirection::from_physical;
  std::vector<Terms> sets;
  const std::optional<Terms> physical = terms.physical.empty() ? std::nullopt : side_of(terms.physical, family, inward);
  for (const auto& side : {physical, overlay_side(directory, terms, family, !inward)}) {
    if (side) {
      sets.push_back(*side);
    }
  }
  if (!terms.ports.empty()) {
    sets.push_back(ports_of(terms.ports, "tp_dst", terms.action));
  }
  if (!terms.source_ports.empty()) {
    sets.push_back(ports_of(terms.source_ports, "tp_src", terms.action));
  }
  std::string common = protocol_word(terms.protocol, family);
  std::vector<Terms> several;
  for (Terms& set : sets) {
    if (set.empty()) {
      return;
    }
    if (set.size() == 1) {
      common += "," + set.front();
    } else {
      several.push_back(std::move(set));
    }
  }
  const Way& way = way_of(terms.direction);
  const std::uint64_t cookie = cookie_of(FlowOwner::access, access_id_of(terms));
  const std::uint32_t priority = highest - terms.order;
  const std::string verdict = terms.action == AccessAction::deny ? "drop" : way.pass;
  if (several.empty()) {
    lines.push_back(line(way.rules, priority, cookie, common, verdict));
    return;
  }
  if (several.size() == 1) {
    for (const std::string& term : several.front()) {
      lines.push_back(line(way.rules, priority, cookie, common + "," + term, verdict));
    }
    return;
  }
  const std::uint32_t conjunction = terms.order * 2 + (family == Family::v4 ? 0 : 1);
  std::map<std::string, std::string> clauses;  // a fragment may stand for ports of both sides: one flow
  for (std::size_t i = 0; i < several.size(); ++i) {
    for (const std::string& term : several[i]) {
      std::string& actions = clauses[term];
      actions += fmt::format("{}conjunction({},{}/{})", actions.empty() ? "" : ",", conjunction, i + 1, several.size());
    }
  }
  for (const auto& [term, actions] : clauses) {
    lines.push_back(line(way.rules, priority, cookie, common + "," + term, actions));
  }
  lines.push_back(line(way.rules, priority, cookie,
                       fmt::format("{},conj_id={}", protocol_word(terms.protocol, family), conjunction), verdict));
}

}  // namespace

AccessId access_id_of(const AccessTerms& terms) {
  return terms.order * 2 + (terms.direction == AccessDirection::from_physical ? 0 : 1);
}

std::optional<AccessId> access_id_of(std::uint64_t cookie) {
  if (owner_of(cookie) != FlowOwner::access || generation_of(cookie) == 0) {
    return std::nullopt;
  }
  return static_cast<AccessId>(generation_of(cookie));
}

const directory::AccessRule* access_rule_with(const directory::Directory& directory, std::string_view network,
                                              AccessId id) {
  const directory::AccessRule* found = nullptr;
  for (const auto& [name, rule] : directory.access_rules()) {
    if (rule.terms.network == network && access_id_of(rule.terms) == id) {
      found = &rule;  // (two of them only within a snapshot, and one of those is gone at its end)
    }
  }
  return found;
}

std::vector<std::string> access_fixed_lines() {
  std::vector<std::string> lines;
  for (const AccessDirection direction : {AccessDirection::from_physical, AccessDirection::to_physical}) {
    const Way& way = way_of(direction);
    lines.push_back(line(way.opens, 0, cookie_of(FlowOwner::fixed), "", way.pass));
    lines.push_back(line(way.rules, 0, cookie_of(FlowOwner::fixed), "", way.pass));
  }
  return lines;
}

std::vector<std::string> access_gate_lines(const directory::Directory& directory, std::string_view network) {
  std::vector<std::string> lines;
  const std::uint64_t cookie = cookie_of(FlowOwner::access);
  for (const AccessDirection direction : {AccessDirection::from_physical, AccessDirection::to_physical}) {
    const auto& rules = directory.access_rules();
    if (std::none_of(rules.begin(), rules.end(), [&](const auto& named) {
          return named.second.terms.network == network && named.second.terms.direction == direction;
        })) {
      continue;
    }
    const Way& way = way_of(direction);
    const std::string judge = fmt::format("goto_table:{}", way.rules);
    for (const char* family : {"ip", "ipv6"}) {
      // A fragment may be of a packet that opens something: its flags are not seen.
      lines.push_back(line(way.opens, 300, cookie, fmt::format("{},ip_frag=yes", family), judge));
      lines.push_back(line(way.opens, 100, cookie, family, judge));
    }
    for (const char* goes_on :
         {"tcp,tcp_flags=+ack", "tcp,tcp_flags=-syn", "tcp6,tcp_flags=+ack", "tcp6,tcp_flags=-syn"}) {
      lines.push_back(line(way.opens, 200, cookie, goes_on, way.pass));
    }
    // Answers to an echo request, and errors: without them no connection finds out its MTU (RFC 792, RFC 4443).
    for (const int type : {0, 3, 11, 12}) {
      lines.push_back(line(way.opens, 200, cookie, fmt::format("icmp,icmp_type={}", type), way.pass));
    }
    for (const int type : {1, 2, 3, 4, 129}) {
      lines.push_back(line(way.opens, 200, cookie, fmt::format("icmp6,icmp_type={}", type), way.pass));
    }
  }
  return lines;
}

std::vector<std::string> access_rule_lines(const directory::Directory& directory, const directory::AccessRule& rule) {
  std::vector<std::string> lines;
  add_family(lines, directory, rule.terms, Family::v4);
  add_family(lines, directory, rule.terms, Family::v6);
  return lines;
}

std::vector<std::string> port_masks(PortRange range) {
  std::vector<std::string> masks;
  std::uint32_t next = range.first;
  while (next <= range.last) {
    std::uint32_t size = 1;  // the largest block of ports that begins here and does not go beyond
    while (next % (size * 2) == 0 && next + size * 2 - 1 <= range.last && size < 0x8000) {
      size *= 2;
    }
    masks.push_back(fmt::format("0x{:x}/0x{:x}", next, 0x10000 - size));
    next += size;
  }
  return masks;
}

bool is_access_flow(const ovs::FlowKey& key) {
  return key.table >= table::from_physical_opens && key.table <= table::to_physical_rules;
}

}  // namespace mooring::gateway
