// events: what happened that a person wants to know, and what happens while one looks on.
#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

constexpr std::chrono::seconds longest_wait{30};

struct EventWords {
  std::vector<std::string> types;
  std::string severity;
  std::string subject;
  std::uint64_t limit = 100;
  std::uint64_t after = 0;
  bool watch = false;
};

std::string query_of(const EventWords& words) {
  std::string query = fmt::format("limit={}", words.limit);
  if (!words.types.empty()) {
    query += "&type=" + http::percent_encoded(fmt::format("{}", fmt::join(words.types, ",")));
  }
  for (const auto& [name, value] :
       {std::pair<const char*, const std::string&>{"severity", words.severity}, {"subject", words.subject}}) {
    if (!value.empty()) {
      query += fmt::format("&{}={}", name, http::percent_encoded(value));
    }
  }
  return query;
}

// A table whose columns keep their width while rows come one by one.
void print_row(std::ostream& out, const std::string& at, const std::string& severity, const std::string& type,
               const std::string& text) {
  out << fmt::format("{:<20}   {:<8}   {:<20}   {}\n", at, severity, type, text);
}

void print_event(std::ostream& out, const Json& event) {
  std::string at = cell_of(event, "at");
  if (const auto dot = at.find('.'); dot != std::string::npos) {
    at = at.substr(0, dot) + "Z";
  }
  std::string text = cell_of(event, "text");
  if (const Json& count = field_at(event, "count"); count.is_number_unsigned() && count.get<std::uint64_t>() > 1) {
    text += fmt::format(" ({} times since {})", count.get<std::uint64_t>(), cell_of(event, "since"));
  }
  print_row(out, at, cell_of(event, "severity"), cell_of(event, "type"), text);
}

bool is_table(Format format) {
  return format == Format::table || format == Format::wide;
}

// One page; sets `after` to where the next one begins.
Result<void> print_page(ControllerSession& session, Invocation& invocation, const EventWords& words,
                        const std::string& position, std::uint64_t& after) {
  const auto page = session.get("/v1/events?" + query_of(words) + position);
  if (!page) {
    return page.error();
  }
  const Json& items = field_at(*page, "items");
  const Json& sequence = field_at(*page, "sequence");
  if (!items.is_array() || !sequence.is_number_unsigned()) {
    return Error(Errc::unavailable, fmt::format("reading the events of {}: the answer is no list", session.endpoint()));
  }
  after = sequence.get<std::uint64_t>();
  if (words.watch && !is_table(invocation.format)) {
    for (const Json& event : items) {
      invocation.out << event.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
  } else if (!is_table(invocation.format)) {
    print_document(invocation.out, *page, invocation.format);
  } else {
    for (const Json& event : items) {
      print_event(invocation.out, event);
    }
  }
  invocation.out.flush();
  return ok();
}

Result<void> events(ControllerSession& session, Invocation& invocation, const EventWords& words) {
  if (is_table(invocation.format)) {
    print_row(invocation.out, "AT", "SEVERITY", "TYPE", "TEXT");
  }
  std::uint64_t after = words.after;
  const std::string from = words.after == 0 ? "" : fmt::format("&after={}", words.after);
  if (const auto printed = print_page(session, invocation, words, from, after); !printed) {
    return printed;
  }
  // A wait ends before the time-out of the request does.
  const auto wait = std::clamp(invocation.session.timeout / 2, std::chrono::seconds(1), longest_wait);
  while (words.watch) {
    const std::string position = fmt::format("&after={}&wait_seconds={}", after, wait.count());
    if (const auto printed = print_page(session, invocation, words, position, after); !printed) {
      return printed;
    }
  }
  return ok();
}

}  // namespace

void add_events(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<EventWords>();
  CLI::App* command = app.add_subcommand("events", "what happened: pools that run out, addresses that moved, refusals");
  command->footer(R"(The newest events, oldest first. What they mean: docs/observability/events.md

Examples:
  mooringctl events
  mooringctl events -w --severity warning
  mooringctl events --type pool.* --type node.silent
  mooringctl events --subject pool/web -o json)");
  command->add_flag("-w,--watch", words->watch, "go on with those that come");
  command->add_option("--type", words->types, "only of these types; pool.* for all that begin so; may be repeated")
      ->type_name("PATTERN");
  command->add_option("--severity", words->severity, "info, warning or error: that or worse")->type_name("SEVERITY");
  command->add_option("--subject", words->subject, "only about this: pool/web, node/h1, webhook/ops")
      ->type_name("KIND/NAME");
  command->add_option("--limit", words->limit, "how many at most")
      ->check(CLI::Range(1, 1000))
      ->type_name("COUNT")
      ->capture_default_str();
  command->add_option("--after", words->after, "those after the event of this number")->type_name("SEQUENCE");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return events(session, invocation, *words);
    };
  });
}

}  // namespace mooring::ctl
