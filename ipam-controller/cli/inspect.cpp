// get, describe, delete, version
#include <memory>
#include <optional>
#include <ostream>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/rule_use.hpp"
#include "ipam-controller/cli/scope.hpp"
#include "ipam-controller/cli/vip_backends.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

struct Chosen {
  std::string kind;
  std::vector<std::string> names;
  Scope scope;
  bool force = false;
  std::optional<std::uint64_t> if_match;
  bool client_only = false;
};

Json items_of(std::vector<Json> objects) {
  Json list = Json::object();
  list["items"] = std::move(objects);
  return list;
}

// One name that fails does not stop the others: its error is printed, but for the last one's, which is given back.
class Failures {
 public:
  explicit Failures(std::ostream& err) : err_(err) {}
  void add(const Error& error) {
    if (last_) {
      err_ << "error: " << last_->message() << '\n';
    }
    last_ = error;
  }
  Result<void> outcome() const { return last_ ? Result<void>(*last_) : ok(); }

 private:
  std::ostream& err_;
  std::optional<Error> last_;
};

Result<void> get(ControllerSession& session, Invocation& invocation, const Chosen& chosen) {
  const auto kind = find_kind(chosen.kind);
  if (!kind) {
    return kind.error();
  }
  Json document;
  Failures failures(invocation.err);
  if (chosen.names.empty()) {
    auto list = list_objects(session, **kind, chosen.scope);
    if (!list) {
      return list.error();
    }
    document = std::move(*list);
  } else {
    std::vector<Json> found;
    for (const std::string& name : chosen.names) {
      auto object = find_object(session, **kind, name, chosen.scope);
      if (!object) {
        failures.add(object.error());
        continue;
      }
      found.push_back(std::move(*object));
    }
    if (found.empty()) {
      return failures.outcome();
    }
    document = items_of(std::move(found));
  }
  const bool table = invocation.format == Format::table || invocation.format == Format::wide;
  if (!table) {
    const bool single = chosen.names.size() == 1;
    print_document(invocation.out, single ? document["items"][0] : document, invocation.format);
  } else if (document["items"].empty()) {
    invocation.err << "no " << (*kind)->collection << " found\n";
  } else {
    print_table(invocation.out, **kind, document["items"], invocation.format == Format::wide);
  }
  return failures.outcome();
}

// What belongs to an object: the list of `kind` with the filter `filter` set to the object's name.
struct Related {
  std::string_view of;
  std::string_view kind;
  std::string Scope::*filter;
};
constexpr Related relations[] = {
    {"network", "subnet", &Scope::network}, {"network", "gateway", &Scope::network},
    {"subnet", "pool", &Scope::subnet},     {"subnet", "reservation", &Scope::subnet},
    {"subnet", "port", &Scope::subnet},     {"subnet", "extra-address", &Scope::subnet},
    {"pool", "binding", &Scope::pool},      {"pool", "port", &Scope::pool},
    {"pool", "block", &Scope::pool},        {"pool", "extra-address", &Scope::pool},
    {"node", "port", &Scope::node},         {"node", "block", &Scope::node},
    {"binding", "port", &Scope::hostname},
};

Result<void> print_related(ControllerSession& session, std::ostream& out, const Kind& kind, const Json& object) {
  for (const Related& relation : relations) {
    if (relation.of != kind.singular) {
      continue;
    }
    const Kind& other = **find_kind(relation.kind);
    Scope scope;
    if (kind.bound) {
      scope.network = cell_of(object, "network");
      scope.namespace_ = cell_of(object, "namespace");
    }
    scope.*relation.filter = cell_of(object, kind.bound ? "hostname" : "name");
    const auto list = list_objects(session, other, scope);
    if (!list) {
      return list.error();
    }
    Json items = Json::array();
    for (const Json& item : (*list)["items"]) {
      if (!kind.bound || cell_of(item, "interface_ordinal") == cell_of(object, "interface_ordinal")) {
        items.push_back(item);
      }
    }
    out << '\n' << static_cast<char>(other.collection.front() - 'a' + 'A') << other.collection.substr(1) << ':';
    if (items.empty()) {
      out << " none\n";
    } else {
      out << '\n';
      print_table(out, other, items, false, "  ");
    }
  }
  return ok();
}

Result<void> describe(ControllerSession& session, Invocation& invocation, const Chosen& chosen) {
  const auto kind = find_kind(chosen.kind);
  if (!kind) {
    return kind.error();
  }
  bool first = true;
  for (const std::string& name : chosen.names) {
    const auto object = find_object(session, **kind, name, chosen.scope);
    if (!object) {
      return object.error();
    }
    if (invocation.format == Format::json || invocation.format == Format::yaml) {
      print_document(invocation.out, *object, invocation.format);
      continue;
    }
    if (!first) {
      invocation.out << '\n';
    }
    first = false;
    print_details(invocation.out, **kind, *object);
    if (const auto printed = print_related(session, invocation.out, **kind, *object); !printed) {
      return printed;
    }
    if ((*kind)->singular == "vip") {
      print_vip_backends(invocation.out, *object);
    }
    if ((*kind)->singular == "access-rule") {
      if (const auto printed = print_rule_use(session, invocation.out, *object); !printed) {
        return printed;
      }
    }
  }
  return ok();
}

Result<void> remove(ControllerSession& session, Invocation& invocation, const Chosen& chosen) {
  const auto kind = find_kind(chosen.kind);
  if (!kind) {
    return kind.error();
  }
  if (chosen.if_match && chosen.names.size() > 1) {
    return Error(Errc::invalid_argument, "--if-match is for one object", "delete them one by one");
  }
  Failures failures(invocation.err);
  for (const std::string& name : chosen.names) {
    const auto path = find_path(session, **kind, name, chosen.scope);
    const auto gone = path ? session.remove(*path + (chosen.force ? "?force=true" : ""), chosen.if_match)
                           : Result<Json>(path.error());
    if (!gone) {
      failures.add(gone.error());
      continue;
    }
    invocation.out << (*kind)->singular << ' ' << name << " deleted" << (session.dry_run() ? " (dry run)" : "") << '\n';
  }
  return failures.outcome();
}

Result<void> version(ControllerSession& session, Invocation& invocation, const Chosen& chosen) {
  Json document = {{"mooringctl", MOORING_VERSION}};
  const bool table = invocation.format == Format::table || invocation.format == Format::wide;
  if (table) {
    invocation.out << "mooringctl   " << MOORING_VERSION << '\n';
  }
  if (!chosen.client_only) {
    const auto answer = session.get("/v1/version");
    if (!answer) {
      return answer.error();
    }
    document["controller"] = *answer;
    if (table) {
      invocation.out << fmt::format("controller   {}   protocol {}, revision {}, incarnation {}, at {}\n",
                                    cell_of(*answer, "version"), cell_of(*answer, "protocol"),
                                    cell_of(*answer, "revision"), cell_of(*answer, "incarnation"), session.endpoint());
    }
  }
  if (!table) {
    print_document(invocation.out, document, invocation.format);
  }
  return ok();
}

constexpr const char* names_of_objects =
    "names; bindings and ports: NAMESPACE/HOSTNAME, ports also by id; extra addresses: NETWORK/ADDRESS";

using Command = Result<void> (*)(ControllerSession&, Invocation&, const Chosen&);

CLI::App* add(CLI::App& app, Invocation& invocation, const std::shared_ptr<Chosen>& chosen, const char* name,
              const char* description, const char* footer, Command run) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer(footer);
  command->callback([&invocation, chosen, run] {
    invocation.action = [&invocation, chosen, run](ControllerSession& session) {
      return run(session, invocation, *chosen);
    };
  });
  return command;
}

void add_kind(CLI::App& command, Chosen& chosen) {
  command.add_option("KIND", chosen.kind, "what: " + kind_names() + " (singular or plural)")->required()->type_name("");
}

}  // namespace

void add_get(CLI::App& app, Invocation& invocation) {
  const auto chosen = std::make_shared<Chosen>();
  CLI::App* command = add(app, invocation, chosen, "get", "list objects, or show those named", R"(Examples:
  mooringctl get pools
  mooringctl get ports -n prod -o wide
  mooringctl get bindings --pool db --hostname 'redis-*' --label tier=cache
  mooringctl get extra-address default/10.100.0.9
  mooringctl get binding prod/db-0 -o yaml)",
                          &get);
  add_kind(*command, *chosen);
  command->add_option("NAME", chosen->names, names_of_objects)->type_name("");
  chosen->scope.add_options(*command, true);
}

void add_describe(CLI::App& app, Invocation& invocation) {
  const auto chosen = std::make_shared<Chosen>();
  CLI::App* command = add(app, invocation, chosen, "describe", "show all of an object, and what belongs to it",
                          R"(Examples:
  mooringctl describe pool pods
  mooringctl describe node h1
  mooringctl describe binding prod/db-0)",
                          &describe);
  add_kind(*command, *chosen);
  command->add_option("NAME", chosen->names, names_of_objects)->required()->type_name("");
  chosen->scope.add_options(*command, false);
}

void add_delete(CLI::App& app, Invocation& invocation) {
  const auto chosen = std::make_shared<Chosen>();
  CLI::App* command = add(
      app, invocation, chosen, "delete", "delete objects; a port: take it from its pod by force",
      R"(What something depends on is not deleted; the error names what depends on it. Of several names, one that cannot be
deleted does not stop the others; the exit code is then 1.

Examples:
  mooringctl delete pool web --dry-run             would it be possible?
  mooringctl delete binding prod/db-0 --force      although a pod is using it: the pod keeps the address till it ends
  mooringctl delete port prod/web-0                release the address of a pod that is known to be dead)",
      &remove);
  add_kind(*command, *chosen);
  command->add_option("NAME", chosen->names, names_of_objects)->required()->type_name("");
  command->add_flag("--force", chosen->force, "bindings with a live port; nodes with ports");
  command->add_option("--if-match", chosen->if_match, "only if the object is still at this revision")
      ->type_name("REVISION");
  chosen->scope.add_options(*command, false);
}

void add_version(CLI::App& app, Invocation& invocation) {
  const auto chosen = std::make_shared<Chosen>();
  CLI::App* command = add(app, invocation, chosen, "version", "versions of mooringctl and of the controller",
                          R"(Example:
  mooringctl version --client)",
                          &version);
  command->add_flag("--client", chosen->client_only, "of mooringctl alone; asks nobody");
}

}  // namespace mooring::ctl
