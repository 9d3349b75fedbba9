#include "mooring/ipam_api/import.hpp"

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr auto tolerant = Fields::Unknown::ignore;

// As in bindings and ports: "address" is the IPv4 one, "address6" the IPv6 one.
void put_addresses(Json& json, const net::AddressPair& addresses) {
  if (addresses.v4()) {
    json["address"] = addresses.v4()->str();
  }
  if (addresses.v6()) {
    json["address6"] = addresses.v6()->str();
  }
}

net::AddressPair addresses_in(Fields& fields) {
  net::AddressPair pair;
  const auto take = [&](std::string_view key, net::Family family) {
    const auto address = fields.parsed_if_present(key, &net::IpAddress::parse);
    if (address && address->family() != family) {
      fields.fail(key, Error(Errc::invalid_argument,
                             fmt::format("'{}' is no {} address", address->str(), net::to_string(family))));
    } else if (address) {
      pair.set(*address);
    }
  };
  take("address", net::Family::v4);
  take("address6", net::Family::v6);
  return pair;
}

ImportItem::What what_in(Fields& fields) {
  const std::string text = fields.string("what", "binding");
  if (text != "binding" && text != "reservation") {
    fields.fail("what", Error(Errc::invalid_argument, fmt::format("is '{}', expected binding or reservation", text)));
  }
  return text == "reservation" ? ImportItem::What::reservation : ImportItem::What::binding;
}

void put_unless_empty(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) {
    json[key] = value;
  }
}

}  // namespace

std::string ImportItem::subject() const {
  if (what == What::reservation) {
    return "reservation " + name;
  }
  return fmt::format("binding {}/{}{}{}", namespace_, hostname,
                     interface_ordinal == 0 ? "" : fmt::format(" (interface {})", interface_ordinal),
                     network == "default" ? "" : " in network " + network);
}

std::string_view to_string(ImportVerdict verdict) {
  switch (verdict) {
    case ImportVerdict::fresh:
      return "new";
    case ImportVerdict::unchanged:
      return "unchanged";
    case ImportVerdict::conflict:
      return "conflict";
  }
  return "conflict";
}

Json to_json(const ImportItem& item) {
  Json json = {{"network", item.network}};
  put_addresses(json, item.addresses);
  put_unless_empty(json, "source", item.source);
  put_unless_empty(json, "note", item.note);
  if (item.what == ImportItem::What::reservation) {
    json["what"] = "reservation";
    json["name"] = item.name;
    return json;
  }
  json["namespace"] = item.namespace_;
  json["hostname"] = item.hostname;
  json["kind"] = to_string(item.kind);
  put_unless_empty(json, "pool", item.pool);
  put_unless_empty(json, "workload", item.workload);
  if (item.interface_ordinal != 0) {
    json["interface_ordinal"] = item.interface_ordinal;
  }
  if (item.mac) {
    json["mac"] = item.mac->str();
  }
  if (item.retention) {
    json["retention"] = item.retention->str();
  }
  if (!item.labels.empty()) {
    json["labels"] = item.labels;
  }
  return json;
}

Result<ImportItem> import_item_from(const Json& json, std::string_view where) {
  Fields fields(json, where);
  ImportItem item;
  item.what = what_in(fields);
  item.source = fields.string("source", "");
  item.network = fields.take("network", parse_name("network", fields.string("network", item.network)));
  item.addresses = addresses_in(fields);
  item.note = fields.string("note", "");
  if (item.what == ImportItem::What::reservation) {
    item.name = fields.take("name", parse_name("name", fields.string("name")));
    if (item.addresses.empty() || item.addresses.dual()) {
      fields.fail("address", Error(Errc::invalid_argument, "a reservation has one address"));
    }
  } else {
    item.namespace_ = fields.take("namespace", parse_name("namespace", fields.string("namespace")));
    item.hostname = fields.take("hostname", parse_hostname("hostname", fields.string("hostname")));
    const std::uint64_t ordinal = fields.number("interface_ordinal", 0);
    if (ordinal > max_interface_ordinal) {
      fields.fail("interface_ordinal",
                  Error(Errc::invalid_argument, fmt::format("is {}, at most {}", ordinal, max_interface_ordinal)));
    }
    item.interface_ordinal = static_cast<std::uint32_t>(ordinal <= max_interface_ordinal ? ordinal : 0);
    const std::string pool = fields.string("pool", "");
    item.pool = pool.empty() ? pool : fields.take("pool", parse_name("pool", pool));
    item.mac = fields.parsed_if_present("mac", &net::MacAddress::parse);
    item.kind = fields.take("kind", parse_kind(fields.string("kind", to_string(item.kind))));
    item.retention = fields.parsed_if_present("retention", &parse_retention);
    item.workload = fields.string("workload", "");
    if (const Json* labels = fields.object("labels")) {
      item.labels = fields.take("labels", labels_from(*labels));
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return item;
}

Json to_json(const ImportFinding& finding) {
  Json json = {{"source", finding.source}, {"subject", finding.subject}, {"verdict", to_string(finding.verdict)}};
  put_addresses(json, finding.addresses);
  put_unless_empty(json, "reason", finding.reason);
  put_unless_empty(json, "message", finding.message);
  put_unless_empty(json, "hint", finding.hint);
  return json;
}

Result<ImportFinding> import_finding_from(const Json& json) {
  Fields fields(json, "finding", tolerant);
  ImportFinding finding;
  finding.source = fields.string("source", "");
  finding.subject = fields.string("subject", "");
  finding.addresses = addresses_in(fields);
  const std::string verdict = fields.string("verdict");
  finding.verdict = verdict == to_string(ImportVerdict::fresh)       ? ImportVerdict::fresh
                    : verdict == to_string(ImportVerdict::unchanged) ? ImportVerdict::unchanged
                                                                     : ImportVerdict::conflict;
  finding.reason = fields.string("reason", "");
  finding.message = fields.string("message", "");
  finding.hint = fields.string("hint", "");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return finding;
}

Json to_json(const ImportReport& report) {
  Json findings = Json::array();
  for (const ImportFinding& finding : report.findings) {
    findings.push_back(to_json(finding));
  }
  return {{"applied", report.applied},      {"dry_run", report.dry_run},
          {"items", report.items},          {"new", report.fresh},
          {"unchanged", report.unchanged},  {"conflicts", report.conflicts},
          {"findings", std::move(findings)}};
}

Result<ImportReport> import_report_from(const Json& json) {
  Fields fields(json, "report", tolerant);
  ImportReport report;
  report.applied = fields.boolean("applied", false);
  report.dry_run = fields.boolean("dry_run", false);
  report.items = fields.number("items");
  report.fresh = fields.number("new");
  report.unchanged = fields.number("unchanged");
  report.conflicts = fields.number("conflicts");
  if (const Json* findings = fields.array("findings")) {
    for (const Json& each : *findings) {
      report.findings.push_back(fields.take("findings", import_finding_from(each)));
    }
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return report;
}

Json to_json(const ImportProgress& progress) {
  return {{"phase", progress.phase}, {"done", progress.done}, {"of", progress.of}};
}

Result<ImportProgress> import_progress_from(const Json& json) {
  Fields fields(json, "progress", tolerant);
  ImportProgress progress{fields.string("phase", ""), fields.number("done", 0), fields.number("of", 0)};
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return progress;
}

}  // namespace mooring::ipam_api
