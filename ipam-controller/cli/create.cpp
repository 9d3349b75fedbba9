// create: the verb, and what its kinds share
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/create_words.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {

void print_done(Invocation& invocation, const ControllerSession& session, std::string_view kind,
                const std::string& name, std::string_view done, const Json& made, std::initializer_list<Shown> shown) {
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, made, invocation.format);
    return;
  }
  std::string details;
  for (const Shown& item : shown) {
    details += fmt::format("{}{} {}", details.empty() ? ": " : ", ", item.label, cell_of(made, item.field));
  }
  invocation.out << kind << ' ' << name << ' ' << done << (session.dry_run() ? " (dry run)" : "") << details << '\n';
}

Result<void> post_object(ControllerSession& session, Invocation& invocation, const Kind& kind, const std::string& name,
                         const Json& body, std::initializer_list<Shown> shown) {
  const auto made = session.post(fmt::format("/v1/{}", kind.collection), body);
  if (!made) {
    return made.error();
  }
  print_done(invocation, session, kind.singular, name, "created", *made, shown);
  return ok();
}

void put_field(Json& body, const char* field, const std::string& text) {
  if (!text.empty()) {
    body[field] = text;
  }
}

void put_field(Json& body, const char* field, const std::vector<std::string>& texts) {
  if (!texts.empty()) {
    body[field] = texts;
  }
}

Result<void> put_families(Json& body, const std::string& field, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const std::string key = text.find(':') == text.npos ? field : field + "6";
    if (body.contains(key)) {
      return Error(Errc::invalid_argument,
                   fmt::format("reading --{} {}: {} is of the same family", field, text, cell_of(body, key)),
                   "one of IPv4 and one of IPv6 at most");
    }
    body[key] = text;
  }
  return ok();
}

Result<Json> labels_of(std::string_view option, const std::vector<std::string>& texts) {
  Json labels = Json::object();
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      return Error(Errc::invalid_argument, fmt::format("reading {} {}: it is not KEY=VALUE", option, text),
                   "as app=shop");
    }
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

CLI::Option* add_list(CLI::App& command, const char* names, std::vector<std::string>& values, const char* description,
                      const char* type) {
  return command.add_option(names, values, description)->allow_extra_args(false)->delimiter(',')->type_name(type);
}

CLI::App* add_action(CLI::App& parent, Invocation& invocation, const char* name, const char* description,
                     const char* footer, std::function<Result<void>(ControllerSession&)> action) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer(footer);
  command->fallthrough();
  command->callback([&invocation, action = std::move(action)] { invocation.action = action; });
  return command;
}

void SelectorWords::add_options(CLI::App& command) {
  const char* group = "Which pods it is for";
  add_list(command, "--for-namespace", namespaces, "in one of these namespaces", "PATTERN...")->group(group);
  add_list(command, "--for-hostname", hostnames, "with such a hostname, as web-*", "PATTERN...")->group(group);
  add_list(command, "--for-node", nodes, "on one of these nodes", "PATTERN...")->group(group);
  add_list(command, "--for-zone", zones, "on a node of one of these zones", "PATTERN...")->group(group);
  add_list(command, "--for-label", labels, "with all of these labels", "KEY=VALUE...")->group(group);
}

Result<void> SelectorWords::put_into(Json& body) const {
  Json selector = Json::object();
  put_field(selector, "namespaces", namespaces);
  put_field(selector, "hostnames", hostnames);
  put_field(selector, "nodes", nodes);
  put_field(selector, "zones", zones);
  auto read = labels_of("--for-label", labels);
  if (!read) {
    return read.error();
  }
  if (!read->empty()) {
    selector["labels"] = std::move(*read);
  }
  if (!selector.empty()) {
    body["selector"] = std::move(selector);
  }
  return ok();
}

Result<void> WishWords::put_into(Json& body) const {
  Json wishes = Json::object();
  put_field(wishes, "network", network);
  put_field(wishes, "subnet", subnet);
  put_field(wishes, "pools", pools);
  put_field(wishes, "kind", kind);
  put_field(wishes, "retention", retention);
  put_field(wishes, "workload", workload);
  auto read = labels_of("--label", labels);
  if (!read) {
    return read.error();
  }
  if (!read->empty()) {
    wishes["labels"] = std::move(*read);
  }
  if (!wishes.empty()) {
    body["wishes"] = std::move(wishes);
  }
  return ok();
}

void add_create(CLI::App& app, Invocation& invocation) {
  CLI::App* create = app.add_subcommand("create", "create an object");
  create->footer(
      R"(--dry-run checks everything and says what would be made. To change what is there: mooringctl edit, mooringctl apply.

Example, in the order in which they need each other:
  mooringctl create network default
  mooringctl create subnet pods --vni 100 --cidr 10.100.0.0/16
  mooringctl create pool pods --subnet pods
  mooringctl create binding prod/db-0 --address 10.100.4.10)");
  create->require_subcommand(1);
  create->fallthrough();
  add_create_network(*create, invocation);
  add_create_subnet(*create, invocation);
  add_create_pool(*create, invocation);
  add_create_reservation(*create, invocation);
  add_create_rule(*create, invocation);
  add_create_binding(*create, invocation);
  add_create_extra_address(*create, invocation);
  add_create_list(*create, invocation);
  add_create_access_rule(*create, invocation);
  add_create_vip(*create, invocation);
  add_create_webhook(*create, invocation);
}

}  // namespace mooring::ctl
