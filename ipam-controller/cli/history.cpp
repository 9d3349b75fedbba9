// history
#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/holdings.hpp"
#include "ipam-controller/cli/times.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

struct Wanted {
  std::string subject, at;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// All records of the subject; also tells the oldest record that is kept.
Result<Holdings> holdings_of(ControllerSession& session, const std::string& subject, std::string& oldest) {
  Holdings holdings;
  std::string after = "0";
  while (true) {
    const auto page =
        session.get(fmt::format("/v1/audit?subject={}&after={}&limit=1000", http::percent_encoded(subject), after));
    if (!page) {
      return page.error();
    }
    oldest = cell_of(*page, "first_seq");
    const Json& items = field_at(*page, "items");
    for (const Json& record : items) {
      holdings.add(record);
    }
    const Json& more = field_at(*page, "more");
    if (!more.is_boolean() || !more.get<bool>() || items.empty()) {
      return holdings;
    }
    after = cell_of(items.back(), "seq");
  }
}

Json json_of(const Holding& holding) {
  return {{"kind", holding.kind},        {"addresses", holding.addresses}, {"pod", holding.pod},
          {"network", holding.network},  {"node", holding.node},           {"mac", holding.mac},
          {"from_ms", holding.from_ms},  {"to_ms", holding.to_ms},         {"by", holding.by},
          {"ended_by", holding.ended_by}};
}

void print(Invocation& invocation, const std::vector<Holding>& holdings) {
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    Json items = Json::array();
    for (const Holding& holding : holdings) {
      items.push_back(json_of(holding));
    }
    const Json document = {{"items", std::move(items)}};
    print_document(invocation.out, document, invocation.format);
    return;
  }
  TextTable table({"ADDRESS", "POD", "WHAT", "NODE", "MAC", "FROM", "TO", "BY", "ENDED BY"});
  for (const Holding& holding : holdings) {
    table.add({holding.addresses, holding.pod, holding.kind, holding.node.empty() ? "-" : holding.node, holding.mac,
               time_text(holding.from_ms), holding.to_ms == 0 ? "now" : time_text(holding.to_ms),
               holding.by.empty() ? "-" : holding.by, holding.ended_by.empty() ? "-" : holding.ended_by});
  }
  table.print(invocation.out);
}

Result<void> history(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  std::optional<std::int64_t> at;
  if (!wanted.at.empty()) {
    const auto time = parse_time(wanted.at, now_ms());
    if (!time) {
      return time.error().within("--at");
    }
    at = *time;
  }
  std::string oldest;
  const auto found = holdings_of(session, wanted.subject, oldest);
  if (!found) {
    return found.error();
  }
  std::vector<Holding> holdings;
  std::copy_if(found->all().begin(), found->all().end(), std::back_inserter(holdings),
               [&](const Holding& holding) { return !at || holding.at(*at); });
  if (holdings.empty()) {
    return Error(Errc::not_found,
                 at ? fmt::format("the ledger has nobody with {} at {}", wanted.subject, time_text(*at))
                    : fmt::format("the ledger has nothing of {}", wanted.subject),
                 oldest == "1" ? "it reaches back to the first change"
                               : fmt::format("it reaches back to record {}; what was before is in exports", oldest));
  }
  print(invocation, holdings);
  return ok();
}

}  // namespace

void add_history(CLI::App& app, Invocation& invocation) {
  const auto wanted = std::make_shared<Wanted>();
  CLI::App* command = app.add_subcommand("history", "who had an address, or which addresses a pod had");
  command->footer(R"(Examples:
  mooringctl history 10.0.3.7
  mooringctl history 10.0.3.7 --at "tuesday 14:00"
  mooringctl history shop/db-0

A time without a zone is the local one. Exit code 1: nobody had it then.)");
  command->add_option("SUBJECT", wanted->subject, "an address, or NAMESPACE/HOSTNAME")->required()->type_name("");
  command->add_option("--at", wanted->at, "only who had it at that time: RFC 3339, \"tuesday 14:00\", \"2h ago\"")
      ->type_name("TIME");
  command->callback([&invocation, wanted] {
    invocation.action = [&invocation, wanted](ControllerSession& session) {
      return history(session, invocation, *wanted);
    };
  });
}

}  // namespace mooring::ctl
