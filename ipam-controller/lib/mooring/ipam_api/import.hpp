// POST /v1/bindings:import: what other systems and files say, as one list (docs/howto/import.md), and what the
// controller makes of each of it. Its answer is a report, or, with ?progress=true, lines: PROGRESS, FINDING, and at the
// end REPORT or PROBLEM (a field `type`).
// Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "mooring/ipam_api/retention.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::ipam_api {

inline constexpr std::size_t max_import_items = 100'000;

// One binding or reservation to be made.
struct ImportItem {
  enum class What { binding, reservation };
  What what = What::binding;
  std::string source;  // "leases.csv:12": for the report
  std::string network = "default";
  net::AddressPair addresses;  // a reservation: one
  std::string note;
  // Of a reservation.
  std::string name;
  // Of a binding.
  std::string namespace_;
  std::string hostname;
  std::uint32_t interface_ordinal = 0;
  std::string pool;                    // "": that of the address, or none
  std::optional<net::MacAddress> mac;  // none: from the address
  Kind kind = Kind::fixed_by_admin;
  std::optional<Retention> retention;  // none: as an admin's binding without one
  std::string workload;
  Labels labels;

  // "binding shop/db-0", "reservation kea-10-9-0-12"
  std::string subject() const;
  bool operator==(const ImportItem&) const = default;
};

enum class ImportVerdict {
  fresh,      // "new": would be made, or was
  unchanged,  // it is there, just so
  conflict,   // it cannot be made; `error` says why
};
std::string_view to_string(ImportVerdict verdict);

struct ImportFinding {
  std::string source;
  std::string subject;
  net::AddressPair addresses;
  ImportVerdict verdict = ImportVerdict::fresh;
  std::string reason;   // conflict: the id of the error ("address-taken"); else ""
  std::string message;  // conflict: what, with names
  std::string hint;
};

struct ImportReport {
  bool applied = false;
  bool dry_run = false;
  std::uint64_t items = 0;
  std::uint64_t fresh = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t conflicts = 0;
  std::vector<ImportFinding> findings;  // in the order of the items; without those that are new, unless asked for
};

struct ImportProgress {
  std::string phase;  // "reading", "checking"
  std::uint64_t done = 0;
  std::uint64_t of = 0;
};

Json to_json(const ImportItem& item);
// Errors name the field; `where` names the item ("items[7]").
Result<ImportItem> import_item_from(const Json& json, std::string_view where);
Json to_json(const ImportFinding& finding);
Result<ImportFinding> import_finding_from(const Json& json);
Json to_json(const ImportReport& report);
Result<ImportReport> import_report_from(const Json& json);
Json to_json(const ImportProgress& progress);
Result<ImportProgress> import_progress_from(const Json& json);

}  // namespace mooring::ipam_api
