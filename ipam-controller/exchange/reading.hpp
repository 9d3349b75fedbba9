// From what a foreign file says to import items: one set of rules for names, networks and notes, for all forms.
//
// Every form hands its entries to a Reading as texts, each with its place; the Reading parses them, makes the names by
// the rules that the admin chose, and keeps every fault, so that all of them can be shown at once.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/exchange/fault.hpp"
#include "mooring/ipam_api/import.hpp"

namespace mooring::exchange {

using ipam_api::ImportItem;

// What a foreign name ("db-0.shop.example.com.") is in Mooring.
enum class HostnameRule {
  first_label,      // hostname db-0, namespace from -n
  label_namespace,  // hostname db-0, namespace shop
  whole,            // hostname db-0.shop.example.com, namespace from -n
};
Result<HostnameRule> parse_hostname_rule(std::string_view text);  // "host", "host.namespace", "fqdn"

struct Rules {
  std::string namespace_;  // of entries that do not say; "" = they are faults
  std::string network = "default";
  // Networks of the source (a VRF, a host-local network, a named Whereabouts network) -> ours; patterns with * and ?.
  std::vector<std::pair<std::string, std::string>> networks;
  HostnameRule hostnames = HostnameRule::first_label;
  std::string pool;
  ipam_api::Kind kind = ipam_api::Kind::fixed_by_admin;
  std::optional<ipam_api::Retention> retention;
  bool keep_macs = true;
  bool reservations = true;         // of addresses that have no name
  std::vector<std::string> only;    // patterns NAMESPACE/HOSTNAME: bindings of others are left out
  std::vector<net::IpCidr> within;  // addresses outside of all of them are left out; none: all addresses
  std::int64_t now_seconds = 0;     // Unix; leases that ended before are left out
};

// One entry, as the source has it. Empty texts: it does not say.
struct Entry {
  Place place;
  std::string source_network;
  std::string address, address_field = "address";
  std::string namespace_;  // where the source has namespaces
  std::string name, name_field = "hostname";
  bool name_is_whole = false;  // a pod's name: not to be taken apart
  std::string ifname;          // "net1": the ordinal is its number
  std::string mac, mac_field = "mac";
  std::string note;      // of a binding
  std::string kept_why;  // not empty: a reservation with this note, whatever its name
  std::string nameless;  // note of the reservation if it has no name
};

struct LeftOut {
  Place place;
  std::string why;
};

class Reading {
 public:
  // `form`: "kea", for the names of reservations.
  Reading(std::string form, const Rules& rules) : form_(std::move(form)), rules_(rules) {}

  void add(const Entry& entry);
  // A finished item (our own CSV). Its network and namespace are completed by the rules.
  void add(ImportItem item);
  void fault(Fault fault) { faults_.push_back(std::move(fault)); }
  void leave_out(Place place, std::string why) { left_out_.push_back({std::move(place), std::move(why)}); }

  // Call once, when all is in: joins the two families of one interface, checks that the source's networks are mapped.
  void finish();

  const Rules& rules() const { return rules_; }
  const std::vector<ImportItem>& items() const { return items_; }
  const std::vector<Fault>& faults() const { return faults_; }
  const std::vector<LeftOut>& left_out() const { return left_out_; }

 private:
  struct Pending {
    Entry entry;
    net::IpAddress address;
    std::optional<net::MacAddress> mac;
    std::uint32_t ordinal = 0;
    std::string namespace_, hostname;  // "": a reservation
  };
  bool parse(const Entry& entry, Pending& pending);
  bool name(const Entry& entry, Pending& pending);
  bool within(const net::AddressPair& addresses) const;
  bool wanted(const std::string& namespace_, const std::string& hostname) const;
  std::optional<std::string> network_of(const std::string& source) const;
  void make(Pending& pending, const std::string& network);
  void make_reservation(const Pending& pending, const std::string& network);

  std::string form_;
  Rules rules_;
  std::vector<Pending> pending_;
  std::vector<ImportItem> items_;
  std::map<std::string, std::size_t> by_owner_;  // joined from entries: index into items_
  std::vector<Fault> faults_;
  std::vector<LeftOut> left_out_;
};

// `*` any text, `?` one character.
bool fits_pattern(std::string_view pattern, std::string_view text);
// "10.0.0.5/24" -> "10.0.0.5"
std::string without_prefix_length(std::string_view text);
// Colons, dashes, dots or nothing between the digits: "0a-58-0a-00-00-05", "0a58.0a00.0005".
Result<net::MacAddress> parse_any_mac(std::string_view text);

}  // namespace mooring::exchange
