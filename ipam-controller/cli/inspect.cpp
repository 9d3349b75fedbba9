// get, describe, delete, version
#include <memory>
#include <ostream>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/scope.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

struct Chosen {
  std::string kind;
  std::vector<std::string> names;
  Scope scope;
  bool force = false;
  bool client_only = false;
};

Json items_of(std::vector<Json> objects) {
  Json list = Json::object();
  list["items"] = std::move(objects);
  return list;
}

Result<void> get(ControllerSession& session, Invocation& invocation, const Chosen& chosen) {
  const auto kind = find_kind(chosen.kind);
  if (!kind) {
    return kind.error();
  }
  Json document;
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
        return object.error();
      }
      found.push_back(std::move(*object));
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
  return ok();
}

// What belongs to an object: that of `kind` whose field `field` has the object's name.
struct Related {
  std::string_view of;
  std::string_view kind;
  std::string_view field;
};
constexpr Related relations[] = {
    {"network", "subnet", "network"}, {"network", "gateway", "network"}, {"subnet", "pool", "subnet"},
    {"subnet", "port", "subnet"},     {"pool", "binding", "pool"},       {"pool", "port", "pool"},
    {"node", "port", "node"},         {"binding", "port", "id"},
};

Result<void> print_related(ControllerSession& session, std::ostream& out, const Kind& kind, const Json& object) {
  for (const Related& relation : relations) {
    if (relation.of != kind.singular) {
      continue;
    }
    const Kind& other = **find_kind(relation.kind);
    const auto list = list_objects(session, other, Scope());
    if (!list) {
      return list.error();
    }
    const std::string own = cell_of(object, kind.singular == "binding" ? "port_id" : "name");
    Json items = Json::array();
    for (const Json& item : (*list)["items"]) {
      if (cell_of(item, relation.field) == own) {
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
  }
  return ok();
}

Result<void> remove(ControllerSession& session, Invocation& invocation, const Chosen& chosen) {
  const auto kind = find_kind(chosen.kind);
  if (!kind) {
    return kind.error();
  }
  for (const std::string& name : chosen.names) {
    const auto path = find_path(session, **kind, name, chosen.scope);
    if (!path) {
      return path.error();
    }
    const auto gone = session.remove(*path + (chosen.force ? "?force=true" : ""));
    if (!gone) {
      return gone.error();
    }
    invocation.out << (*kind)->singular << ' ' << name << " deleted\n";
  }
  return ok();
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
  mooringctl get binding prod/db-0 -o yaml)",
                          &get);
  add_kind(*command, *chosen);
  command->add_option("NAME", chosen->names, "names; bindings and ports: NAMESPACE/HOSTNAME, ports also by id")
      ->type_name("");
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
  command->add_option("NAME", chosen->names, "names; bindings and ports: NAMESPACE/HOSTNAME, ports also by id")
      ->required()
      ->type_name("");
  chosen->scope.add_options(*command, false);
}

void add_delete(CLI::App& app, Invocation& invocation) {
  const auto chosen = std::make_shared<Chosen>();
  CLI::App* command = add(app, invocation, chosen, "delete", "delete objects; a port: take it from its pod by force",
                          R"(What something depends on is not deleted; the error names what depends on it.

Examples:
  mooringctl delete pool web
  mooringctl delete binding prod/db-0 --force      although a pod is using it: the pod keeps the address till it ends
  mooringctl delete port prod/web-0                release the address of a pod that is known to be dead)",
                          &remove);
  add_kind(*command, *chosen);
  command->add_option("NAME", chosen->names, "names; bindings and ports: NAMESPACE/HOSTNAME, ports also by id")
      ->required()
      ->type_name("");
  command->add_flag("--force", chosen->force, "bindings with a live port; nodes with ports");
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
