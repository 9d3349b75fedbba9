// import FORMAT FILE…: bindings from other systems (docs/howto/import.md)
#include "mooring/ipam_api/import.hpp"

#include <chrono>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/exchange/import_files.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

using exchange::Reading;
using ipam_api::ImportFinding;
using ipam_api::ImportReport;

struct ImportWords {
  exchange::ImportSources sources;
  exchange::Rules rules;
  std::vector<std::string> maps;
  std::vector<std::string> within;
  std::string hostname_rule = "host";
  std::string kind = "static";
  std::string retention;
  bool without_macs = false;
  bool without_reservations = false;
  bool skip_conflicts = false;
};

// The controller says something all the while, but the disk may be slow.
constexpr std::chrono::seconds least_patience{120};

Error with_option(const Error& error, const std::string& option) {
  return error.within("reading " + option);
}

Result<exchange::Rules> rules_of(const ImportWords& words) {
  exchange::Rules rules = words.rules;
  for (const std::string& text : words.maps) {
    const auto equals = text.rfind('=');
    if (equals == text.npos || equals + 1 == text.size()) {
      return Error(Errc::invalid_argument, fmt::format("reading --map {}: there is no '=NETWORK' in it", text),
                   "write SOURCE=NETWORK; SOURCE may have * and ?");
    }
    const auto network = ipam_api::parse_name("network", text.substr(equals + 1));
    if (!network) {
      return with_option(network.error(), "--map " + text);
    }
    rules.networks.emplace_back(text.substr(0, equals), *network);
  }
  for (const std::string& text : words.within) {
    const auto block = net::IpCidr::parse(text);
    if (!block) {
      return with_option(block.error(), "--within");
    }
    rules.within.push_back(*block);
  }
  const auto hostnames = exchange::parse_hostname_rule(words.hostname_rule);
  if (!hostnames) {
    return with_option(hostnames.error(), "--hostname-from");
  }
  rules.hostnames = *hostnames;
  const auto kind = ipam_api::parse_kind(words.kind);
  if (!kind || *kind == ipam_api::Kind::stateless) {
    return Error(Errc::invalid_argument, fmt::format("reading --kind: '{}' is no kind of a binding", words.kind),
                 "static or stateful");
  }
  rules.kind = *kind;
  if (!words.retention.empty()) {
    const auto retention = ipam_api::parse_retention(words.retention);
    if (!retention) {
      return with_option(retention.error(), "--retention");
    }
    rules.retention = *retention;
  }
  rules.keep_macs = !words.without_macs;
  rules.reservations = !words.without_reservations;
  using std::chrono::duration_cast;
  rules.now_seconds = duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return rules;
}

// "3 bindings and 1 reservation"
std::string amount(const Reading& reading) {
  std::size_t reservations = 0;
  for (const ipam_api::ImportItem& item : reading.items()) {
    reservations += item.what == ipam_api::ImportItem::What::reservation ? 1 : 0;
  }
  const std::size_t bindings = reading.items().size() - reservations;
  return fmt::format("{} binding{} and {} reservation{}", bindings, bindings == 1 ? "" : "s", reservations,
                     reservations == 1 ? "" : "s");
}

Error unreadable(Invocation& invocation, const Reading& reading) {
  for (const exchange::Fault& fault : reading.faults()) {
    invocation.err << fault.str() << '\n';
  }
  return Error(Errc::invalid_argument,
               fmt::format("reading what is to be imported: {} thing{} in it cannot be taken", reading.faults().size(),
                           reading.faults().size() == 1 ? "" : "s"),
               "nothing was sent; correct them, or leave them out");
}

void print_left_out(Invocation& invocation, const Reading& reading) {
  if (invocation.format == Format::wide) {
    for (const exchange::LeftOut& left : reading.left_out()) {
      invocation.err << "left out: " << left.place.str() << ": " << left.why << '\n';
    }
  }
  invocation.err << "read " << amount(reading);
  if (!reading.left_out().empty()) {
    invocation.err << fmt::format(", left out {} ({})", reading.left_out().size(),
                                  invocation.format == Format::wide ? "above" : "-o wide names them");
  }
  invocation.err << '\n';
}

void add_row(TextTable& table, const ImportFinding& finding) {
  const std::string why =
      finding.hint.empty() ? finding.message : fmt::format("{} ({})", finding.message, finding.hint);
  table.add({cell_text(finding.source), cell_text(finding.subject), cell_text(finding.addresses.str()),
             std::string(to_string(finding.verdict)), cell_text(why)});
}

void print_report(Invocation& invocation, const ImportReport& report) {
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, to_json(report), invocation.format);
    return;
  }
  if (!report.findings.empty()) {
    TextTable table({"SOURCE", "WHAT", "ADDRESSES", "VERDICT", "WHY"});
    for (const ImportFinding& finding : report.findings) {
      if (finding.verdict == ipam_api::ImportVerdict::conflict || invocation.format == Format::wide) {
        add_row(table, finding);
      }
    }
    table.print(invocation.out);
  }
  invocation.out << fmt::format("{} new, {} unchanged, {} in conflict: {}\n", report.fresh, report.unchanged,
                                report.conflicts,
                                report.dry_run                        ? "nothing was changed, this was a dry run"
                                : report.applied && report.fresh == 0 ? "there was nothing to do"
                                : report.applied                      ? "applied"
                                                                      : "nothing was applied");
}

// Reads the lines of the answer to the last one.
Result<ImportReport> follow(ControllerSession& session, Invocation& invocation, std::chrono::seconds patience) {
  std::vector<ImportFinding> findings;
  while (true) {
    const auto line = session.next_line(patience);
    if (!line) {
      return line.error().within(
          "importing (whether it was applied is not known: import again, what is there already "
          "is left as it is)");
    }
    const auto frame = ipam_api::parse_json("a line of the answer", *line);
    if (!frame) {
      return frame.error();
    }
    const std::string type = cell_of(*frame, "type");
    if (type == "PROBLEM") {
      return ipam_api::error_from_problem(500, *line);
    }
    if (type == "REPORT") {
      auto report = ipam_api::import_report_from(*frame);
      if (report) {
        report->findings = std::move(findings);
      }
      return report;
    }
    if (type == "FINDING") {
      auto finding = ipam_api::import_finding_from(*frame);
      if (!finding) {
        return finding.error();
      }
      findings.push_back(std::move(*finding));
    } else if (type == "PROGRESS") {
      if (const auto progress = ipam_api::import_progress_from(*frame); progress && progress->of > 0) {
        invocation.err << fmt::format("{}: {} of {}\n", progress->phase, progress->done, progress->of);
      }
    }
  }
}

Result<void> run_import(ControllerSession& session, Invocation& invocation, const ImportWords& words) {
  const auto rules = rules_of(words);
  if (!rules) {
    return rules.error();
  }
  const auto reading = exchange::read_sources(words.sources, *rules);
  if (!reading) {
    return reading.error();
  }
  if (!reading->faults().empty()) {
    return unreadable(invocation, *reading);
  }
  print_left_out(invocation, *reading);
  if (reading->items().size() > ipam_api::max_import_items) {
    return Error(Errc::too_large,
                 fmt::format("importing {}: at most {} go in at once", amount(*reading), ipam_api::max_import_items),
                 "import parts of it, with --only or file by file");
  }
  std::string body;
  for (const ipam_api::ImportItem& item : reading->items()) {
    body += to_json(item).dump() + "\n";
  }
  const bool all = invocation.format == Format::wide;
  const std::string target =
      fmt::format("/v1/bindings:import?progress=true&dry_run={}&on_conflict={}&findings={}", session.dry_run(),
                  words.skip_conflicts ? "skip" : "refuse", all ? "all" : "some");
  if (const auto sent = session.begin_stream("POST", target, body); !sent) {
    return sent;
  }
  const auto report = follow(session, invocation, std::max(least_patience, invocation.session.timeout));
  if (!report) {
    return report.error();
  }
  print_report(invocation, *report);
  if (report->conflicts > 0 && !words.skip_conflicts) {
    return Error(Errc::conflict,
                 fmt::format("importing {}: {} in conflict with what is there", amount(*reading), report->conflicts),
                 "resolve them, or import the others: --skip-conflicts");
  }
  return ok();
}

void add_naming_options(CLI::App& command, ImportWords& words) {
  command.add_option("-n,--namespace", words.rules.namespace_, "namespace of entries that do not say")
      ->type_name("NAME");
  command.add_option("--network", words.rules.network, "network of entries that do not say")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--map", words.maps, "a network of the source (VRF, host-local network) is this network of ours")
      ->allow_extra_args(false)
      ->type_name("SOURCE=NETWORK");
  command
      .add_option("--hostname-from", words.hostname_rule,
                  "what of db-0.shop.example.com is the hostname: host (db-0), host.namespace (db-0 in shop), fqdn")
      ->type_name("RULE")
      ->capture_default_str();
  command.add_option("--pods", words.sources.pods, "host-local: what \"crictl pods -o json\" says on the node")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command.add_option("--within", words.within, "only addresses of this block; may be given several times")
      ->allow_extra_args(false)
      ->type_name("CIDR");
  command.add_option("--only", words.rules.only, "only bindings that fit: shop/redis-*")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
}

}  // namespace

void add_import(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<ImportWords>();
  CLI::App* command = app.add_subcommand("import", "take over bindings from other systems, whole or not at all");
  command->footer(
      R"(Reports first what is in conflict with what is there, and applies all of it, or nothing. What has an address
but no name becomes a reservation with a note. Lines that cannot be read are all named, and nothing is sent.

Exit codes: 0 applied (or nothing to do, or a dry run without conflicts), 1 conflicts, 2 unreadable input.

Examples:
  mooringctl import csv bindings.csv --dry-run
  mooringctl import kea /var/lib/kea/kea-leases4.csv /var/lib/kea/kea-leases6.csv --hostname-from host.namespace
  mooringctl import host-local /var/lib/cni/networks/podnet --pods pods.json
  kubectl get ippools.whereabouts.cni.cncf.io -A -o yaml | mooringctl import whereabouts -
  mooringctl import netbox netbox_ip_addresses.csv -n shop --map blue=tenant-blue)");
  command->add_option("FORMAT", words->sources.format, exchange::format_names())->required()->type_name("");
  command->add_option("FILE", words->sources.paths, "files, - for standard input; host-local: folders")
      ->required()
      ->type_name("");
  add_naming_options(*command, *words);
  command->add_option("--kind", words->kind, "of the bindings: static or stateful")
      ->type_name("KIND")
      ->capture_default_str();
  command->add_option("--retention", words->retention, "of the bindings: Never, WithWorkload, OnDelete, \"TTL 36h\"")
      ->type_name("RETENTION");
  command->add_option("--pool", words->rules.pool, "the pool that all addresses must be in")->type_name("NAME");
  command->add_flag("--without-macs", words->without_macs, "make MACs from the addresses");
  command->add_flag("--without-reservations", words->without_reservations, "leave out what has no name");
  command->add_flag("--skip-conflicts", words->skip_conflicts, "apply what is not in conflict");
  command->add_flag("--dry-run", invocation.session.dry_run, "only report");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return run_import(session, invocation, *words);
    };
  });
}

}  // namespace mooring::ctl
