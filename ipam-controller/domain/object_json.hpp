// Each object as JSON: one form for the API, for the store's cold objects and for the ledger (docs/api/rest.md,
// "Objects"). What an object may leave out has its default; what the controller counts (use of a pool, presence of a
// node) is added by api/views.
//
// Reading is strict (unknown fields are refused) but for what the controller writes itself (`revision`, counts,
// presence), which is ignored, so that what GET gave can be sent back. Errors name the field by its path. Values of
// fields are parsed, not judged: validate.hpp does that. Threading: pure functions.
#pragma once

#include "ipam-controller/domain/objects.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {

using ipam_api::Json;

Json to_json(const Network& network);
Json to_json(const Subnet& subnet);
Json to_json(const Pool& pool);
Json to_json(const Reservation& reservation);
Json to_json(const Rule& rule);
Json to_json(const Node& node);
Json to_json(const Gateway& gateway);
// With its back ends, which reading takes too: the store has them from there.
Json to_json(const Vip& vip);
// Without the secret.
Json to_json(const Webhook& webhook);
Json to_json(const AddressList& list);
Json to_json(const AccessRule& rule);
Json to_json(const ListedBlock& listed);
Json to_json(const Block& block);
Json to_json(const ExtraAddress& extra);
Json to_json(const Binding& binding);
Json to_json(const Port& port);
Json to_json(const Resting& resting);
Json to_json(const FencedUid& fenced);
Json to_json(const Selector& selector);
Json to_json(const BindingKey& owner);

Result<Selector> selector_from(const Json& json);
Result<Network> network_from(const Json& json);
// A block whose gateway is left out has the address 0.0.0.0 there: validate.hpp's `completed` fills it in.
Result<Subnet> subnet_from(const Json& json);
// Ranges as written; `completed` sorts them.
Result<Pool> pool_from(const Json& json);
Result<Reservation> reservation_from(const Json& json);
Result<Rule> rule_from(const Json& json);
Result<Node> node_from(const Json& json);
Result<Gateway> gateway_from(const Json& json);
Result<Vip> vip_from(const Json& json);
Result<Webhook> webhook_from(const Json& json);
// Addresses as written; `completed` sorts them.
Result<AddressList> address_list_from(const Json& json);
Result<AccessRule> access_rule_from(const Json& json);
Result<ListedBlock> listed_block_from(const Json& json);
Result<Block> block_from(const Json& json);
Result<ExtraAddress> extra_address_from(const Json& json);

// "network", "subnet", … "extra-address": the word for an object in messages, routes, the ledger and files.
template <class T>
constexpr std::string_view kind_name();
template <>
constexpr std::string_view kind_name<Network>() {
  return "network";
}
template <>
constexpr std::string_view kind_name<Subnet>() {
  return "subnet";
}
template <>
constexpr std::string_view kind_name<Pool>() {
  return "pool";
}
template <>
constexpr std::string_view kind_name<Reservation>() {
  return "reservation";
}
template <>
constexpr std::string_view kind_name<Rule>() {
  return "rule";
}
template <>
constexpr std::string_view kind_name<Node>() {
  return "node";
}
template <>
constexpr std::string_view kind_name<Gateway>() {
  return "gateway";
}
template <>
constexpr std::string_view kind_name<Vip>() {
  return "vip";
}
template <>
constexpr std::string_view kind_name<Webhook>() {
  return "webhook";
}
template <>
constexpr std::string_view kind_name<AddressList>() {
  return "list";
}
template <>
constexpr std::string_view kind_name<AccessRule>() {
  return "access-rule";
}
template <>
constexpr std::string_view kind_name<ListedBlock>() {
  return "listed-block";
}
template <>
constexpr std::string_view kind_name<Block>() {
  return "block";
}
template <>
constexpr std::string_view kind_name<ExtraAddress>() {
  return "extra-address";
}
template <>
constexpr std::string_view kind_name<Binding>() {
  return "binding";
}
template <>
constexpr std::string_view kind_name<Port>() {
  return "port";
}
template <>
constexpr std::string_view kind_name<Resting>() {
  return "resting";
}
template <>
constexpr std::string_view kind_name<FencedUid>() {
  return "fenced-uid";
}

// The key as people write it: "web", "shop/db-0", "10.0.0.5" (with " of VNI 7" where it is not clear).
std::string key_text(const std::string& name);
std::string key_text(const BindingKey& owner);
std::string key_text(const PortAddress& address);
std::string key_text(const FencedUid::Key& fenced);

}  // namespace mooring::controller
