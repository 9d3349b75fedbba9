// export bindings: what `mooringctl import` reads
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/scope.hpp"
#include "ipam-controller/exchange/csv.hpp"
#include "ipam-controller/exchange/formats.hpp"
#include "mooring/ipam_api/import.hpp"

namespace mooring::ctl {
namespace {

struct ExportWords {
  std::string kind;
  Scope scope;
};

// The fields of a binding that an import can make again; the others (port, revision, …) are the controller's.
Result<ipam_api::ImportItem> item_of(const Json& binding) {
  Json fields = Json::object();
  for (const char* field : {"network", "namespace", "hostname", "interface_ordinal", "address", "address6", "mac",
                            "kind", "pool", "retention", "workload", "labels", "note"}) {
    if (binding.contains(field)) {
      fields[field] = binding[field];
    }
  }
  return ipam_api::import_item_from(fields, "binding");
}

Result<void> run_export(ControllerSession& session, Invocation& invocation, const ExportWords& words) {
  const auto kind = find_kind(words.kind);
  if (!kind) {
    return kind.error();
  }
  if ((*kind)->singular != "binding") {
    return Error(Errc::unsupported, fmt::format("exporting {}: only bindings are exported", (*kind)->collection),
                 fmt::format("mooringctl get {} -o yaml", (*kind)->collection));
  }
  const auto list = list_objects(session, **kind, words.scope);
  if (!list) {
    return list.error();
  }
  const bool csv = invocation.format_text == "csv" || invocation.format == Format::table;
  Json items = Json::array();
  if (csv) {
    invocation.out << exchange::csv_line(exchange::binding_columns());
  }
  for (const Json& binding : (*list)["items"]) {
    const auto item = item_of(binding);
    if (!item) {
      return item.error();
    }
    if (csv) {
      invocation.out << exchange::csv_line(exchange::binding_cells(*item));
    } else {
      items.push_back(to_json(*item));
    }
  }
  if (!csv) {
    print_document(invocation.out, Json{{"items", std::move(items)}}, invocation.format);
  }
  return ok();
}

}  // namespace

void add_export(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<ExportWords>();
  CLI::App* command = app.add_subcommand("export", "write bindings so that \"import\" reads them");
  command->footer(R"(-o csv (default), json or yaml. Imported again, nothing changes.

Examples:
  mooringctl export bindings -n prod > prod.csv
  mooringctl import csv prod.csv)");
  command->add_option("KIND", words->kind, "bindings")->required()->type_name("");
  words->scope.add_options(*command, false);
  command->callback([&invocation, words] {
    invocation.csv_too = true;
    invocation.action = [&invocation, words](ControllerSession& session) {
      return run_export(session, invocation, *words);
    };
  });
}

}  // namespace mooring::ctl
