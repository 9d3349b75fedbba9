#include "mooring/ipam_api/access_terms.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

template <class T>
Result<T> one_of(std::string_view text, std::initializer_list<T> values, std::string_view expected) {
  for (const T value : values) {
    if (to_string(value) == text) {
      return value;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("is '{}', expected {}", text, expected));
}

template <class T>
std::vector<T> list_of(Fields& fields, std::string_view key, Result<T> (*parse)(std::string_view)) {
  const std::vector<std::string> texts = fields.strings(key);
  std::vector<T> list;
  if (texts.size() > max_access_prefixes) {
    fields.fail(key,
                Error(Errc::too_large, fmt::format("has {} entries, at most {}", texts.size(), max_access_prefixes),
                      "make several rules, or a list"));
    return list;
  }
  for (const std::string& text : texts) {
    list.push_back(fields.take(key, parse(text)));
  }
  return list;
}

template <class T>
void put_texts(Json& json, const char* key, const std::vector<T>& values) {
  for (const T& value : values) {
    json[key].push_back(value.str());
  }
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc() || end != text.data() + text.size() || port == 0) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a port", text), "1 to 65535, or a range: 8000-8999");
  }
  return port;
}

}  // namespace

std::string to_string(AccessAction action) {
  return action == AccessAction::allow ? "allow" : "deny";
}
std::string to_string(AccessDirection direction) {
  return direction == AccessDirection::from_physical ? "from-physical" : "to-physical";
}
std::string to_string(AccessProtocol protocol) {
  switch (protocol) {
    case AccessProtocol::tcp:
      return "tcp";
    case AccessProtocol::udp:
      return "udp";
    case AccessProtocol::icmp:
      return "icmp";
    case AccessProtocol::any:
      break;
  }
  return "any";
}

Result<PortRange> PortRange::parse(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last) {
    return first ? last.error() : first.error();
  }
  if (*first > *last) {
    return Error(Errc::invalid_argument, fmt::format("'{}' ends before it begins", text), "the lower port first");
  }
  return PortRange{*first, *last};
}

std::string PortRange::str() const {
  return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

void put_access_terms(Json& json, const AccessTerms& terms) {
  json["network"] = terms.network;
  json["order"] = terms.order;
  json["action"] = to_string(terms.action);
  json["direction"] = to_string(terms.direction);
  json["protocol"] = to_string(terms.protocol);
  put_texts(json, "physical", terms.physical);
  put_texts(json, "addresses", terms.addresses);
  put_texts(json, "ports", terms.ports);
  put_texts(json, "source_ports", terms.source_ports);
  if (!terms.subnet.empty()) {
    json["subnet"] = terms.subnet;
  }
  if (!terms.list.empty()) {
    json["list"] = terms.list;
  }
}

AccessTerms access_terms_from(Fields& fields, std::string_view default_network) {
  AccessTerms terms;
  terms.network = default_network.empty() ? fields.string("network") : fields.string("network", default_network);
  const std::uint64_t order = fields.number("order");
  if (order == 0 || order > last_access_order) {
    fields.fail("order",
                Error(Errc::invalid_argument, fmt::format("is {}, expected 1 to {}", order, last_access_order)));
  }
  terms.order = static_cast<std::uint32_t>(order);
  terms.action = fields.take(
      "action", one_of(fields.string("action"), {AccessAction::allow, AccessAction::deny}, "allow or deny"));
  terms.direction = fields.take(
      "direction", one_of(fields.string("direction"), {AccessDirection::from_physical, AccessDirection::to_physical},
                          "from-physical or to-physical"));
  terms.protocol = fields.take(
      "protocol", one_of(fields.string("protocol", "any"),
                         {AccessProtocol::any, AccessProtocol::tcp, AccessProtocol::udp, AccessProtocol::icmp},
                         "any, tcp, udp or icmp"));
  terms.physical = list_of(fields, "physical", &net::IpCidr::parse);
  terms.addresses = list_of(fields, "addresses", &net::IpCidr::parse);
  terms.ports = list_of(fields, "ports", &PortRange::parse);
  terms.source_ports = list_of(fields, "source_ports", &PortRange::parse);
  terms.subnet = fields.string("subnet", "");
  terms.list = fields.string("list", "");
  return terms;
}

}  // namespace mooring::ipam_api
