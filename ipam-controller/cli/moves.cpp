// workload delete, extra-address move, block lease|delete, label
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/create_words.hpp"
#include "ipam-controller/cli/scope.hpp"
#include "mooring/http/message.hpp"
#include "mooring/ipam_api/retention.hpp"

namespace mooring::ctl {
namespace {

const char* tried(const ControllerSession& session) {
  return session.dry_run() ? " (dry run)" : "";
}

CLI::App* add_group(CLI::App& app, const char* name, const char* description, const char* footer) {
  CLI::App* group = app.add_subcommand(name, description);
  group->footer(footer);
  group->require_subcommand(1);
  return group;
}

Result<void> delete_workload(ControllerSession& session, Invocation& invocation, const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == name.npos || slash == 0 || slash + 1 == name.size() || name.find('/', slash + 1) != name.npos) {
    return Error(Errc::invalid_argument, fmt::format("reading the workload \"{}\": it is not NAMESPACE/WORKLOAD", name),
                 "as db/redis: the owner of redis-0, redis-1, …");
  }
  const auto gone = session.remove(fmt::format("/v1/workloads/{}/{}", http::percent_encoded(name.substr(0, slash)),
                                               http::percent_encoded(name.substr(slash + 1))));
  if (!gone) {
    return gone.error();
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *gone, invocation.format);
  } else {
    invocation.out << "workload " << name << " deleted" << tried(session) << ": bindings ended "
                   << cell_of(*gone, "bindings") << '\n';
  }
  return ok();
}

struct MoveWords {
  std::string address, network, to;
};

Result<void> move_address(ControllerSession& session, Invocation& invocation, const MoveWords& words) {
  ObjectName defaults;
  defaults.network = words.network;
  const auto name = parse_object_name(**find_kind("extra-address"), words.address, defaults);
  if (!name) {
    return name.error();
  }
  const std::string network = name->network.empty() ? "default" : name->network;
  Json body = {{"network", network}, {"address", name->name}, {"to", nullptr}};
  if (words.to != "nobody") {
    const auto holder = parse_object_name(**find_kind("binding"), words.to, ObjectName());
    if (!holder) {
      return holder.error().within("reading --to");
    }
    const auto ordinal = ipam_api::parse_json("the interface ordinal", holder->ordinal);
    if (!ordinal || !ordinal->is_number_unsigned()) {
      return Error(Errc::invalid_argument,
                   fmt::format("reading --to {}: \"{}\" is no interface ordinal", words.to, holder->ordinal));
    }
    body["to"] = {{"namespace", holder->namespace_}, {"hostname", holder->hostname}, {"interface_ordinal", *ordinal}};
  }
  const auto moved = session.post("/v1/extra-addresses:move", body);
  if (!moved) {
    return moved.error();
  }
  print_done(invocation, session, "extra-address", words.address, "moved to " + words.to, *moved,
             {{"generation", "generation"}});
  return ok();
}

struct LeaseWords {
  std::string node, pool, use;
  std::uint64_t count = 16;
  bool ipv6 = false;
};

Result<void> lease_block(ControllerSession& session, Invocation& invocation, const LeaseWords& words) {
  Json body = {{"node", words.node}, {"pool", words.pool}, {"count", words.count}};
  if (words.ipv6) {
    body["ipv6"] = true;
  }
  if (!words.use.empty()) {
    const auto seconds = ipam_api::parse_duration(words.use);
    if (!seconds) {
      return seconds.error().within("reading --use");
    }
    body["use_seconds"] = *seconds;
  }
  const auto leased = session.post("/v1/blocks:lease", body);
  if (!leased) {
    return leased.error();
  }
  print_done(invocation, session, "block", cell_of(*leased, "id"), "leased", *leased,
             {{"range", "range"}, {"node", "node"}, {"pool", "pool"}});
  return ok();
}

Result<void> delete_blocks(ControllerSession& session, Invocation& invocation, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    const auto gone = session.remove("/v1/blocks/" + http::percent_encoded(id));
    if (!gone) {
      return gone.error();
    }
    // The node gives it back when nothing of it is in use; until then it is there.
    const auto left = session.get("/v1/blocks/" + http::percent_encoded(id));
    const char* outcome = left ? " asked back from its node" : " deleted";
    invocation.out << "block " << id << (session.dry_run() ? " would be asked back or deleted (dry run)" : outcome)
                   << '\n';
  }
  return ok();
}

struct LabelWords {
  std::string kind, name;
  std::vector<std::string> labels;
  Scope scope;
};

// "app=shop" sets, "app-" takes away.
Result<void> change_labels(Json& labels, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos && text.size() > 1 && text.back() == '-') {
      labels.erase(text.substr(0, text.size() - 1));
    } else if (equals != text.npos && equals != 0) {
      labels[text.substr(0, equals)] = text.substr(equals + 1);
    } else {
      return Error(Errc::invalid_argument, fmt::format("reading the label \"{}\": it is not KEY=VALUE", text),
                   "app=shop sets it, app- takes it away");
    }
  }
  return ok();
}

Result<void> label(ControllerSession& session, Invocation& invocation, const LabelWords& words) {
  const auto kind = find_kind(words.kind);
  if (!kind) {
    return kind.error();
  }
  if ((*kind)->singular != "binding") {
    return Error(Errc::invalid_argument, fmt::format("{} have no labels that can be set here", (*kind)->collection),
                 "bindings have; a node's come from its agent's configuration, a port's from its pod");
  }
  const auto path = find_path(session, **kind, words.name, words.scope);
  auto binding = path ? session.get(*path) : Result<Json>(path.error());
  if (!binding) {
    return binding.error();
  }
  const Json& revision = field_at(*binding, "revision");
  if (!binding->is_object() || !revision.is_number_unsigned()) {
    return Error(Errc::unavailable, fmt::format("reading {}: the answer has no revision", *path),
                 "is that a mooring-controller?");
  }
  const auto expected = revision.get<std::uint64_t>();
  Json labels = binding->value("labels", Json::object());
  if (auto changed = change_labels(labels, words.labels); !changed) {
    return changed;
  }
  (*binding)["labels"] = labels;
  const auto stored = session.put(*path, *binding, expected);
  if (!stored) {
    return stored.error();
  }
  print_done(invocation, session, "binding", words.name, "labelled", *stored, {{"labels", "labels"}});
  return ok();
}

}  // namespace

void add_workload(CLI::App& app, Invocation& invocation) {
  CLI::App* group = add_group(app, "workload", "what happens to a workload as a whole", R"(Example:
  mooringctl workload delete db/redis)");
  const auto name = std::make_shared<std::string>();
  const auto run = [&invocation, name](ControllerSession& session) {
    return delete_workload(session, invocation, *name);
  };
  CLI::App* command = add_action(
      *group, invocation, "delete", "end the bindings that were to live as long as the workload",
      R"(Bindings with retention WithWorkload of that owner end: at once, or with their pod where it still runs.

Example:
  mooringctl workload delete db/redis --reason 'ticket 4711')",
      run);
  command->add_option("WORKLOAD", *name, "NAMESPACE/WORKLOAD, as db/redis for redis-0, redis-1")
      ->required()
      ->type_name("");
}

void add_extra_address(CLI::App& app, Invocation& invocation) {
  CLI::App* group = add_group(app, "extra-address", "move an address between pods (keepalived, VRRP)", R"(Example:
  mooringctl extra-address move 10.100.0.9 --to shop/lb-1)");
  const auto words = std::make_shared<MoveWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return move_address(session, invocation, *words);
  };
  CLI::App* command = add_action(*group, invocation, "move", "give it to another pod, or to nobody", R"(Examples:
  mooringctl extra-address move 10.100.0.9 --to shop/lb-1
  mooringctl extra-address move blue/10.100.0.9 --to nobody)",
                                 run);
  command->add_option("ADDRESS", words->address, "ADDRESS or NETWORK/ADDRESS")->required()->type_name("");
  command->add_option("--network", words->network, "its network (default: \"default\")")->type_name("NAME");
  command->add_option("--to", words->to, "NAMESPACE/HOSTNAME of a running pod, or nobody")
      ->required()
      ->type_name("POD");
}

void add_block(CLI::App& app, Invocation& invocation) {
  CLI::App* group = add_group(app, "block", "addresses leased to nodes, for when the controller is away", R"(Example:
  mooringctl block lease h1 --pool pods --count 32)");
  const auto words = std::make_shared<LeaseWords>();
  const auto lease = [&invocation, words](ControllerSession& session) {
    return lease_block(session, invocation, *words);
  };
  CLI::App* command = add_action(*group, invocation, "lease", "lease a block of a pool to a node", R"(Example:
  mooringctl block lease h1 --pool pods --count 32 --use 7d)",
                                 lease);
  command->add_option("NODE", words->node, "the node")->required()->type_name("");
  command->add_option("--pool", words->pool, "the pool; of kind stateless")->required()->type_name("NAME");
  command->add_option("--count", words->count, "addresses, rounded up to a power of two")
      ->type_name("NUMBER")
      ->capture_default_str();
  command->add_flag("--ipv6", words->ipv6, "of the pool's IPv6 addresses");
  command
      ->add_option("--use", words->use, "how long the node may use it without having heard of us (default: for ever)")
      ->type_name("DURATION");
  const auto ids = std::make_shared<std::vector<std::string>>();
  const auto take = [&invocation, ids](ControllerSession& session) { return delete_blocks(session, invocation, *ids); };
  CLI::App* remove = add_action(*group, invocation, "delete", "ask blocks back; of a fenced or deleted node: take them",
                                R"(Example:
  mooringctl block delete b41)",
                                take);
  remove->add_option("BLOCK", *ids, "ids: mooringctl get blocks")->required()->type_name("");
}

void add_label(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<LabelWords>();
  const auto run = [&invocation, words](ControllerSession& session) { return label(session, invocation, *words); };
  CLI::App* command = add_action(app, invocation, "label", "set and take away labels of a binding", R"(Example:
  mooringctl label binding prod/db-0 tier=db old-)",
                                 run);
  command->add_option("KIND", words->kind, "binding")->required()->type_name("");
  command->add_option("NAME", words->name, "NAMESPACE/HOSTNAME")->required()->type_name("");
  command->add_option("LABEL", words->labels, "KEY=VALUE sets, KEY- takes away")->required()->type_name("");
  words->scope.add_options(*command, false);
}

}  // namespace mooring::ctl
