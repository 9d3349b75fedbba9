// What the files of "create" share. Internal to create*.cpp and moves.cpp.
// Threading: one thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/kinds.hpp"

namespace mooring::ctl {

// What the new object has that the user did not say: for the line that is printed.
struct Shown {
  std::string_view label;
  std::string_view field;
};

// POST /v1/COLLECTION, then "pool pods created: …", or the object with -o json|yaml.
Result<void> post_object(ControllerSession& session, Invocation& invocation, const Kind& kind, const std::string& name,
                         const Json& body, std::initializer_list<Shown> shown);
// Prints what came back in the same way; `done` is "created", "leased".
void print_done(Invocation& invocation, const ControllerSession& session, std::string_view kind,
                const std::string& name, std::string_view done, const Json& made, std::initializer_list<Shown> shown);

// Only what was said goes into the body.
void put_field(Json& body, const char* field, const std::string& text);
void put_field(Json& body, const char* field, const std::vector<std::string>& texts);
// Addresses or blocks of either family: IPv4 into "address", IPv6 into "address6". Two of one family: an error.
Result<void> put_families(Json& body, const std::string& field, const std::vector<std::string>& texts);
// {"app": "shop"} of {"app=shop"}; `option` is named in the error.
Result<Json> labels_of(std::string_view option, const std::vector<std::string>& texts);

// An option that may be given several times, or once with commas; it never swallows what follows.
CLI::Option* add_list(CLI::App& command, const char* names, std::vector<std::string>& values, const char* description,
                      const char* type);
// A subcommand that runs `action`.
CLI::App* add_action(CLI::App& parent, Invocation& invocation, const char* name, const char* description,
                     const char* footer, std::function<Result<void>(ControllerSession&)> action);

// --for-namespace, --for-hostname, --for-node, --for-zone, --for-label: which pods a pool or a rule is for.
struct SelectorWords {
  std::vector<std::string> namespaces, hostnames, nodes, zones, labels;
  void add_options(CLI::App& command);
  // "selector" of the body, if something was said.
  Result<void> put_into(Json& body) const;
};

// What pods wish for, as a rule or a plan says it.
struct WishWords {
  std::string network, subnet, kind, retention, workload;
  std::vector<std::string> pools, labels;
  // "wishes" of the body, if something was said.
  Result<void> put_into(Json& body) const;
};

void add_create_network(CLI::App& create, Invocation& invocation);
void add_create_subnet(CLI::App& create, Invocation& invocation);
void add_create_pool(CLI::App& create, Invocation& invocation);
void add_create_reservation(CLI::App& create, Invocation& invocation);
void add_create_rule(CLI::App& create, Invocation& invocation);
void add_create_binding(CLI::App& create, Invocation& invocation);
void add_create_extra_address(CLI::App& create, Invocation& invocation);
void add_create_access_rule(CLI::App& create, Invocation& invocation);
void add_create_list(CLI::App& create, Invocation& invocation);
void add_create_vip(CLI::App& create, Invocation& invocation);
void add_create_webhook(CLI::App& create, Invocation& invocation);

}  // namespace mooring::ctl
