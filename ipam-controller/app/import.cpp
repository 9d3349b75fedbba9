#include "ipam-controller/app/import.hpp"

#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

using ipam_api::ImportFinding;
using ipam_api::ImportItem;
using ipam_api::ImportReport;
using ipam_api::ImportVerdict;

BindingKey owner_of(const ImportItem& item) {
  return {item.network, item.namespace_, item.hostname, item.interface_ordinal};
}

NewBinding binding_of(const ImportItem& item) {
  NewBinding binding;
  binding.owner = owner_of(item);
  binding.pool = item.pool;
  binding.addresses = item.addresses;
  binding.mac = item.mac;
  binding.kind = item.kind;
  binding.retention = item.retention;
  binding.workload = item.workload;
  binding.labels = item.labels;
  binding.note = item.note;
  binding.origin = Origin::import;
  return binding;
}

// "addresses 10.0.0.5 there, 10.0.0.6 here": what the item says otherwise than the binding that is there; what it does
// not say does not count. "": nothing.
std::string differences(const Binding& there, const ImportItem& item) {
  std::string text;
  const auto compare = [&](const char* what, const std::string& is, const std::string& said) {
    if (!said.empty() && is != said) {
      text +=
          fmt::format("{}{} is {}, and would be {}", text.empty() ? "" : "; ", what, is.empty() ? "not set" : is, said);
    }
  };
  compare("the address", there.addresses.str(), item.addresses.str());
  compare("the MAC", there.mac.str(), item.mac ? item.mac->str() : "");
  compare("the kind", to_string(there.kind), to_string(item.kind));
  compare("the pool", there.pool, item.pool);
  compare("the retention", there.retention.str(), item.retention ? item.retention->str() : "");
  compare("the workload", there.workload, item.workload);
  compare("the note", there.note, item.note);
  if (!item.labels.empty() && item.labels != there.labels) {
    text += (text.empty() ? "" : "; ") + std::string("the labels are others");
  }
  return text;
}

// Goes through the items of one import.
class Import {
 public:
  Import(Transaction& tx, const std::vector<ImportItem>& items) : tx_(tx), items_(items) {}

  // An error: the item is in conflict, and nothing was written for it.
  Result<ImportVerdict> take(std::size_t index) {
    const ImportItem& item = items_[index];
    return item.what == ImportItem::What::reservation ? take_reservation(index, item) : take_binding(index, item);
  }

 private:
  Result<ImportVerdict> take_binding(std::size_t index, const ImportItem& item) {
    const BindingKey owner = owner_of(item);
    if (const auto earlier = binding_here_.find(owner); earlier != binding_here_.end()) {
      return twice(fmt::format("{}/{} comes twice", owner.namespace_, owner.hostname), earlier->second);
    }
    if (const Binding* there = tx_.state().binding(owner)) {
      const std::string other = differences(*there, item);
      if (other.empty()) {
        return ImportVerdict::unchanged;
      }
      return Error(Errc::already_exists, "it is bound already: " + other,
                   "change the binding, or take the entry out of the import");
    }
    if (item.addresses.empty()) {
      return Error(Errc::invalid_argument, "it has no address", "an import does not choose addresses");
    }
    for (const net::IpAddress address : item.addresses.all()) {
      if (const auto earlier = made_here(item.network, address)) {
        return twice(address.str() + " comes twice", *earlier);
      }
    }
    const auto made = create_binding(tx_, binding_of(item));
    if (!made) {
      return made.error();
    }
    binding_here_.emplace(owner, index);
    return ImportVerdict::fresh;
  }

  Result<ImportVerdict> take_reservation(std::size_t index, const ImportItem& item) {
    const net::IpAddress address = item.addresses.primary();
    const Subnet* subnet = tx_.state().subnet_containing(item.network, address);
    if (subnet == nullptr) {
      return Error(Errc::conflict, fmt::format("{} is in no subnet of network {}", address.str(), item.network),
                   "mooringctl get subnets; --within CIDR imports a part");
    }
    if (const auto earlier = made_here(item.network, address)) {
      return twice(address.str() + " comes twice", *earlier);
    }
    if (tx_.state().reservation_at({subnet->vni, address}) != nullptr) {
      return ImportVerdict::unchanged;  // it is kept out of use, by whatever name
    }
    Reservation reservation;
    reservation.name = item.name;
    reservation.subnet = subnet->name;
    reservation.range = {address, address};
    reservation.note = item.note;
    const auto made = create(tx_, reservation);
    if (!made) {
      return made.error();
    }
    reservation_here_.emplace(item.name, index);
    return ImportVerdict::fresh;
  }

  // The item of this import that has the address.
  std::optional<std::size_t> made_here(const std::string& network, net::IpAddress address) const {
    const Subnet* subnet = tx_.state().subnet_containing(network, address);
    if (subnet == nullptr) {
      return std::nullopt;
    }
    const PortAddress place{subnet->vni, address};
    if (const Binding* binding = tx_.state().binding_at(place)) {
      const auto found = binding_here_.find(binding->owner);
      return found == binding_here_.end() ? std::nullopt : std::optional(found->second);
    }
    if (const Reservation* reservation = tx_.state().reservation_at(place)) {
      const auto found = reservation_here_.find(reservation->name);
      return found == reservation_here_.end() ? std::nullopt : std::optional(found->second);
    }
    return std::nullopt;
  }

  Error twice(const std::string& what, std::size_t earlier) const {
    const ImportItem& other = items_[earlier];
    return Error(Errc::conflict,
                 fmt::format("{} in this import: {}{}", what, other.subject(),
                             other.source.empty() ? "" : " at " + other.source),
                 "take one of them out");
  }

  Transaction& tx_;
  const std::vector<ImportItem>& items_;
  std::unordered_map<BindingKey, std::size_t> binding_here_;
  std::unordered_map<std::string, std::size_t> reservation_here_;
};

// "binding shop/db-0: 10.0.0.5 is …" says in its first words what the report has in another column.
std::string without_subject(const Error& error, const ImportItem& item) {
  const std::string& message = error.message();
  for (const std::string& subject : {"binding " + owner_of(item).str(), "creating reservation " + item.name}) {
    if (message.starts_with(subject + ": ")) {
      return message.substr(subject.size() + 2);
    }
  }
  return message;
}

}  // namespace

ImportReport import_items(Transaction& tx, const std::vector<ImportItem>& items, const ImportOptions& options) {
  ImportReport report;
  report.items = items.size();
  report.dry_run = tx.caller().dry_run;
  Import import(tx, items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const ImportItem& item = items[i];
    const auto verdict = import.take(i);
    ImportFinding finding;
    finding.verdict = verdict ? *verdict : ImportVerdict::conflict;
    ++(finding.verdict == ImportVerdict::fresh       ? report.fresh
       : finding.verdict == ImportVerdict::unchanged ? report.unchanged
                                                     : report.conflicts);
    if (finding.verdict == ImportVerdict::conflict || options.all_findings) {
      finding.source = item.source;
      finding.subject = item.subject();
      finding.addresses = item.addresses;
      if (!verdict) {
        finding.reason = verdict.error().info().id;
        finding.message = without_subject(verdict.error(), item);
        finding.hint = verdict.error().hint();
      }
      report.findings.push_back(std::move(finding));
    }
  }
  const bool refused = report.conflicts > 0 && !options.skip_conflicts;
  if (refused) {
    tx.undo();
  }
  report.applied = !refused && !report.dry_run;
  return report;
}

}  // namespace mooring::controller
