// What an access rule must be like, its JSON, and the blocks of the lists that such rules name.
#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/object_json.hpp"
#include "ipam-controller/domain/validate.hpp"
#include "ipam-controller/domain/validate_words.hpp"

namespace mooring::controller {
namespace {

using ipam_api::AccessProtocol;
using ipam_api::AccessTerms;
using ipam_api::Fields;

constexpr std::size_t max_access_rules = 1000;

template <class T>
void sort_once(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

// The overlay's side exists, and is of the rule's network.
Result<void> check_overlay(const State& state, const AccessTerms& terms) {
  if (int(!terms.subnet.empty()) + int(!terms.list.empty()) + int(!terms.addresses.empty()) > 1) {
    return invalid("subnet, list and addresses: only one of them says which side of the overlay is meant",
                   "make a list that has all of them, or several rules");
  }
  const Subnet* subnet = state.subnet(terms.subnet);
  if (!terms.subnet.empty() && (subnet == nullptr || subnet->network != terms.network)) {
    return Error(Errc::not_found, fmt::format("subnet: network {} has no subnet {}", terms.network, terms.subnet),
                 "mooringctl get subnets --network " + terms.network);
  }
  const AddressList* list = state.list(terms.list);
  if (!terms.list.empty() && (list == nullptr || list->network != terms.network)) {
    return Error(Errc::not_found, fmt::format("list: network {} has no list {}", terms.network, terms.list),
                 "mooringctl get lists --network " + terms.network);
  }
  return ok();
}

// Two sides that were mixed up would never fit a packet.
Result<void> check_sides(const State& state, const AccessTerms& terms) {
  for (const net::IpCidr& block : terms.physical) {
    for (const Subnet* subnet : state.subnets_of(terms.network)) {
      const SubnetBlock* inside = subnet->block(block.family());
      if (inside != nullptr && inside->cidr.contains(block)) {
        return invalid(fmt::format("physical: {} is of subnet {}, the overlay's side", block.str(), subnet->name),
                       "the overlay's side is named by subnet, list or addresses");
      }
    }
  }
  const auto has = [](const std::vector<net::IpCidr>& blocks, net::Family family) {
    return blocks.empty() || std::any_of(blocks.begin(), blocks.end(),
                                         [family](const net::IpCidr& block) { return block.family() == family; });
  };
  const auto both = [&](net::Family family) { return has(terms.physical, family) && has(terms.addresses, family); };
  if (!both(net::Family::v4) && !both(net::Family::v6)) {
    return invalid("physical and addresses: one side is IPv4, the other IPv6, so no packet would fit");
  }
  return ok();
}

}  // namespace

Json to_json(const AccessRule& rule) {
  Json json = {{"name", rule.name}, {"revision", rule.revision}};
  ipam_api::put_access_terms(json, rule.terms);
  if (!rule.note.empty()) {
    json["note"] = rule.note;
  }
  return json;
}

Result<AccessRule> access_rule_from(const Json& json) {
  constexpr std::size_t longest_note = 1000;
  Fields fields(json, "access-rule");
  AccessRule rule;
  rule.name = fields.take("name", ipam_api::parse_name("name", fields.string("name")));
  rule.terms = ipam_api::access_terms_from(fields, default_network);
  rule.note = fields.string("note", "");
  if (rule.note.size() > longest_note) {
    fields.fail("note", invalid(fmt::format("is {} bytes long, at most {}", rule.note.size(), longest_note)));
  }
  fields.allow("revision");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  rule.revision = json.value("revision", Revision{0});
  return rule;
}

Json to_json(const ListedBlock& listed) {
  return {{"list", listed.list}, {"block", listed.block.str()}, {"revision", listed.revision}};
}

Result<ListedBlock> listed_block_from(const Json& json) {
  Fields fields(json, "listed-block");
  ListedBlock listed;
  listed.list = fields.string("list");
  listed.block = fields.parsed("block", &net::IpCidr::parse);
  listed.revision = fields.number("revision", 0);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return listed;
}

Write State::put(const ListedBlock& listed) {
  const auto [it, inserted] = listed_blocks_.try_emplace(listed.key(), listed);
  if (inserted) {
    return Erase<ListedBlock>{listed.key()};
  }
  return std::exchange(it->second, listed);
}

Write State::put(const Erase<ListedBlock>& erased) {
  const auto it = listed_blocks_.find(erased.key);
  if (it == listed_blocks_.end()) {
    return erased;
  }
  Write undo = std::move(it->second);
  listed_blocks_.erase(it);
  return undo;
}

Result<AccessRule> completed(const State&, AccessRule wanted) {
  sort_once(wanted.terms.physical);
  sort_once(wanted.terms.addresses);
  sort_once(wanted.terms.ports);
  sort_once(wanted.terms.source_ports);
  return wanted;
}

Result<void> check(const State& state, const AccessRule& wanted, const AccessRule* there) {
  const AccessTerms& terms = wanted.terms;
  if (auto bad = check_name(wanted.name); !bad) {
    return bad;
  }
  if (there == nullptr && state.access_rules().size() >= max_access_rules) {
    return Error(Errc::conflict, fmt::format("there are {} access rules already", max_access_rules),
                 "a rule can have many blocks, or a list");
  }
  if (state.network(terms.network) == nullptr) {
    return Error(Errc::not_found, fmt::format("network: there is no network {}", terms.network),
                 fmt::format("mooringctl create network {}", terms.network));
  }
  for (const auto& [name, other] : state.access_rules()) {
    if (name != wanted.name && other.terms.network == terms.network && other.terms.direction == terms.direction &&
        other.terms.order == terms.order) {
      return Error(Errc::conflict,
                   fmt::format("order: {} is that of access rule {}, so it would not be clear which of them comes "
                               "first",
                               terms.order, name),
                   "take another number: mooringctl get access-rules");
    }
  }
  const bool has_ports = terms.protocol == AccessProtocol::tcp || terms.protocol == AccessProtocol::udp;
  if (!has_ports && (!terms.ports.empty() || !terms.source_ports.empty())) {
    return invalid(fmt::format("ports: protocol {} has none", to_string(terms.protocol)), "protocol tcp or udp");
  }
  if (auto good = check_overlay(state, terms); !good) {
    return good;
  }
  return check_sides(state, terms);
}

Result<void> check_unused(const State& state, const AddressList& list) {
  NameList names;
  for (const auto& [name, rule] : state.access_rules()) {
    if (rule.terms.list == list.name) {
      names.add("access rule " + name);
    }
  }
  return names.empty() ? ok()
                       : Result<void>(Error(Errc::in_use, fmt::format("{} needs it", names.str()),
                                            "delete or change these access rules first: mooringctl get access-rules"));
}

}  // namespace mooring::controller
