#include "ipam-controller/exchange/reading.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace mooring::exchange {
namespace {

Fault fault_of(const Entry& entry, const std::string& field, const std::string& value, const Error& error) {
  return {entry.place, field, value, error.message(), error.hint()};
}

// "kea-10-9-0-12", "kea-2001-db8-0-0-0-0-0-50": a name for a reservation.
std::string reservation_name(const std::string& form, net::IpAddress address) {
  std::string name = form;
  if (address.is_v4()) {
    const std::uint32_t bits = address.v4().bits();
    return fmt::format("{}-{}-{}-{}-{}", name, bits >> 24, bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff);
  }
  for (int group = 7; group >= 0; --group) {
    name += fmt::format("-{:x}", static_cast<std::uint32_t>(address.bits() >> (16 * group)) & 0xffffU);
  }
  return name;
}

std::uint32_t ordinal_of(std::string_view ifname) {
  std::size_t begin = ifname.size();
  while (begin > 0 && ifname[begin - 1] >= '0' && ifname[begin - 1] <= '9') {
    --begin;
  }
  std::uint32_t ordinal = 0;
  const auto [end, failed] = std::from_chars(ifname.data() + begin, ifname.data() + ifname.size(), ordinal);
  static_cast<void>(end);
  return failed == std::errc{} ? ordinal : begin == ifname.size() ? 0 : ipam_api::max_interface_ordinal + 1;
}

std::string shown_network(const std::string& name) {
  return name.empty() ? "the one without a name" : "'" + name + "'";
}

}  // namespace

Result<HostnameRule> parse_hostname_rule(std::string_view text) {
  if (text == "host") {
    return HostnameRule::first_label;
  }
  if (text == "host.namespace") {
    return HostnameRule::label_namespace;
  }
  if (text == "fqdn") {
    return HostnameRule::whole;
  }
  return Error(
      Errc::invalid_argument, fmt::format("'{}' is no rule for hostnames", text),
      "one of host (db-0 of db-0.shop.example.com), host.namespace (db-0 in namespace shop), fqdn (all of it)");
}

bool fits_pattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = pattern.npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

std::string without_prefix_length(std::string_view text) {
  return std::string(text.substr(0, text.find('/')));
}

Result<net::MacAddress> parse_any_mac(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ':' && c != '-' && c != '.') {
      digits += c;
    }
  }
  if (digits.size() == 12 && text.size() <= 17) {
    std::string colons;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      colons += (i == 0 ? "" : ":") + digits.substr(i, 2);
    }
    if (auto mac = net::MacAddress::parse(colons)) {
      return mac;
    }
  }
  return net::MacAddress::parse(text);
}

bool Reading::within(const net::AddressPair& addresses) const {
  const auto asked_for = [&](net::IpAddress address) {
    return std::any_of(rules_.within.begin(), rules_.within.end(),
                       [&](const net::IpCidr& block) { return block.contains(address); });
  };
  const std::vector<net::IpAddress> all = addresses.all();
  return rules_.within.empty() || std::any_of(all.begin(), all.end(), asked_for);
}

bool Reading::wanted(const std::string& namespace_, const std::string& hostname) const {
  const std::string text = namespace_ + "/" + hostname;
  return rules_.only.empty() || std::any_of(rules_.only.begin(), rules_.only.end(),
                                            [&](const std::string& pattern) { return fits_pattern(pattern, text); });
}

// The hostname and namespace of a name, by the rule. False: a fault was filed.
bool Reading::name(const Entry& entry, Pending& pending) {
  std::string text = entry.name;
  if (text.ends_with('.')) {
    text.pop_back();
  }
  std::string hostname = text;
  std::string space = entry.namespace_;
  const auto dot = text.find('.');
  if (!entry.name_is_whole && rules_.hostnames != HostnameRule::whole) {
    hostname = text.substr(0, dot);
    if (rules_.hostnames == HostnameRule::label_namespace && space.empty()) {
      if (dot == text.npos) {
        fault({entry.place, entry.name_field, entry.name, "it has one label, so no namespace",
               "give -n NAMESPACE and --hostname-from host"});
        return false;
      }
      space = text.substr(dot + 1, text.find('.', dot + 1) - dot - 1);
    }
  }
  if (space.empty()) {
    space = rules_.namespace_;
  }
  if (space.empty()) {
    fault({entry.place, entry.name_field, entry.name, "it has no namespace",
           "give one with -n NAMESPACE, or --hostname-from host.namespace"});
    return false;
  }
  const auto parsed = ipam_api::parse_hostname("hostname", hostname);
  if (!parsed) {
    fault(fault_of(entry, entry.name_field, entry.name, parsed.error()));
    return false;
  }
  if (const auto named = ipam_api::parse_name("namespace", space); !named) {
    fault(fault_of(entry, entry.name_field, entry.name, named.error()));
    return false;
  }
  pending.hostname = *parsed;
  pending.namespace_ = space;
  return true;
}

bool Reading::parse(const Entry& entry, Pending& pending) {
  const auto address = net::IpAddress::parse(entry.address);
  if (!address) {
    fault(fault_of(entry, entry.address_field, entry.address, address.error()));
    return false;
  }
  pending.address = *address;
  if (!entry.mac.empty() && rules_.keep_macs) {
    const auto mac = parse_any_mac(entry.mac);
    if (!mac) {
      Fault bad = fault_of(entry, entry.mac_field, entry.mac, mac.error());
      bad.hint += (bad.hint.empty() ? "" : "; ") + std::string("--without-macs takes the addresses alone");
      fault(std::move(bad));
      return false;
    }
    pending.mac = *mac;
  }
  pending.ordinal = ordinal_of(entry.ifname);
  if (pending.ordinal > ipam_api::max_interface_ordinal) {
    fault({entry.place, "ifname", entry.ifname, fmt::format("its number is above {}", ipam_api::max_interface_ordinal),
           ""});
    return false;
  }
  return entry.name.empty() || !entry.kept_why.empty() || name(entry, pending);
}

void Reading::add(const Entry& entry) {
  Pending pending;
  if (!parse(entry, pending)) {
    return;
  }
  if (!within(pending.address)) {
    leave_out(entry.place, fmt::format("{} is not asked for", pending.address.str()));
    return;
  }
  if (pending.hostname.empty() && (!rules_.reservations || !rules_.only.empty())) {
    leave_out(entry.place, fmt::format("{} would be a reservation, and none are asked for", pending.address.str()));
    return;
  }
  if (!pending.hostname.empty() && !wanted(pending.namespace_, pending.hostname)) {
    leave_out(entry.place, fmt::format("{}/{} is not asked for", pending.namespace_, pending.hostname));
    return;
  }
  pending.entry = entry;
  pending_.push_back(std::move(pending));
}

void Reading::add(ImportItem item) {
  const bool binding = item.what == ImportItem::What::binding;
  if (!within(item.addresses) || (binding && !wanted(item.namespace_, item.hostname)) ||
      (!binding && (!rules_.reservations || !rules_.only.empty()))) {
    left_out_.push_back({Place{item.source, 0, ""}, item.subject() + " is not asked for"});
    return;
  }
  items_.push_back(std::move(item));
}

std::optional<std::string> Reading::network_of(const std::string& source) const {
  for (const auto& [pattern, network] : rules_.networks) {
    if (fits_pattern(pattern, source)) {
      return network;
    }
  }
  return source.empty() ? std::optional(rules_.network) : std::nullopt;
}

void Reading::finish() {
  std::set<std::string> sources;
  for (const Pending& pending : pending_) {
    sources.insert(pending.entry.source_network);
  }
  const bool several = sources.size() > 1;
  for (Pending& pending : std::exchange(pending_, {})) {
    const std::string& source = pending.entry.source_network;
    auto network = network_of(source);
    if (!network && !several) {
      network = rules_.network;
    }
    if (!network) {
      std::string names;
      for (const std::string& name : sources) {
        names += (names.empty() ? "" : ", ") + shown_network(name);
      }
      fault({pending.entry.place, "network", source,
             fmt::format("the source has several networks ({}), and nothing says which of ours this one is", names),
             fmt::format("give --map '{}=NETWORK', or --map '*=NETWORK' for all of them", source)});
      continue;
    }
    if (pending.hostname.empty()) {
      make_reservation(pending, *network);
    } else {
      make(pending, *network);
    }
  }
}

void Reading::make_reservation(const Pending& pending, const std::string& network) {
  const Entry& entry = pending.entry;
  ImportItem item;
  item.what = ImportItem::What::reservation;
  item.source = entry.place.str();
  item.network = network;
  item.addresses.set(pending.address);
  item.name = reservation_name(network == rules_.network ? form_ : form_ + "-" + network, pending.address);
  item.note = entry.kept_why.empty() ? entry.nameless : entry.kept_why;
  items_.push_back(std::move(item));
}

// The two families of one interface become one item.
void Reading::make(Pending& pending, const std::string& network) {
  const Entry& entry = pending.entry;
  const std::string owner = fmt::format("{}/{}/{}/{}", network, pending.namespace_, pending.hostname, pending.ordinal);
  const auto found = by_owner_.find(owner);
  if (found != by_owner_.end() && !items_[found->second].addresses.of(pending.address.family())) {
    ImportItem& item = items_[found->second];
    if (item.mac && pending.mac && *item.mac != *pending.mac) {
      fault({entry.place, entry.mac_field, entry.mac,
             fmt::format("{}/{} has another MAC at {}: {}", pending.namespace_, pending.hostname, item.source,
                         item.mac->str()),
             "make them the same, or take the addresses alone: --without-macs"});
      return;
    }
    item.addresses.set(pending.address);
    item.mac = item.mac ? item.mac : pending.mac;
    item.source += ", " + entry.place.str();
    return;
  }
  ImportItem item;
  item.source = entry.place.str();
  item.network = network;
  item.namespace_ = pending.namespace_;
  item.hostname = pending.hostname;
  item.interface_ordinal = pending.ordinal;
  item.pool = rules_.pool;
  item.addresses.set(pending.address);
  item.mac = pending.mac;
  item.kind = rules_.kind;
  item.retention = rules_.retention;
  item.note = entry.note;
  by_owner_[owner] = items_.size();
  items_.push_back(std::move(item));
}

}  // namespace mooring::exchange
