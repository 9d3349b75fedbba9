#include "ipam-controller/cli/plan.hpp"

#include <map>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/create_words.hpp"

namespace mooring::ctl {
namespace {

struct PlanWords {
  std::string name, namespace_;
  WishWords wishes;
  std::vector<std::string> nodes, ranges, exclusions;
  std::uint64_t replicas = 0;
  std::uint64_t first = 0;
  bool reserve = false;
};

// "14 new, 2 bound"
std::string counts_of(const Json& plan) {
  std::map<std::string, std::size_t> counts;
  for (const Json& item : field_at(plan, "items")) {
    ++counts[cell_of(item, "outcome")];
  }
  std::string text;
  for (const auto& [outcome, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, outcome);
  }
  return text.empty() ? "nothing is in the way" : text;
}

std::string why_of(const Json& item) {
  return field_at(item, "error").is_object() ? cell_of(item, "error.message") : cell_of(item, "because");
}

void print_items(std::ostream& out, const Json& items, bool wide) {
  bool moving = false;
  for (const Json& item : items) {
    moving = moving || item.contains("from_address") || item.contains("from_address6");
  }
  std::vector<std::string> headers{"POD"};
  if (moving) {
    headers.emplace_back("NOW");
  }
  for (const char* header : {moving ? "THEN" : "ADDRESS", "POOL", "KIND"}) {
    headers.emplace_back(header);
  }
  if (wide) {
    for (const char* header : {"MAC", "SUBNET", "NODE"}) {
      headers.emplace_back(header);
    }
  }
  headers.insert(headers.end(), {"PLAN", "WHY"});
  TextTable table(std::move(headers));
  for (const Json& item : items) {
    std::vector<std::string> cells{cell_of(item, "subject")};
    if (moving) {
      cells.push_back(cell_of(item, "from_address+from_address6"));
    }
    for (const char* field : {"address+address6", "pool", "kind"}) {
      cells.push_back(cell_of(item, field));
    }
    if (wide) {
      for (const char* field : {"mac", "subnet", "node"}) {
        cells.push_back(cell_of(item, field));
      }
    }
    cells.push_back(cell_of(item, "outcome"));
    cells.push_back(why_of(item));
    table.add(std::move(cells));
  }
  table.print(out);
}

// The ways out of what does not fit, each once.
void print_hints(std::ostream& out, const Json& items) {
  std::map<std::string, bool> said;
  for (const Json& item : items) {
    const std::string hint = cell_of(item, "error.hint");
    if (hint != "-" && !said[hint]) {
      said[hint] = true;
      out << "way out: " << hint << '\n';
    }
    constexpr std::size_t most = 5;
    if (said.size() == most) {
      return;
    }
  }
}

void print_plan(Invocation& invocation, const ControllerSession& session, const std::string& what, const Json& plan,
                bool reserve) {
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, plan, invocation.format);
    return;
  }
  std::ostream& out = invocation.out;
  const Json& items = field_at(plan, "items");
  const bool fits = field_at(plan, "fits") == true;
  if (!items.empty()) {
    print_items(out, items, invocation.format == Format::wide);
  }
  out << fmt::format("{}: {}: {}\n", what, fits ? "fits" : "does not fit", counts_of(plan));
  for (const Json& pool : field_at(plan, "pools")) {
    const bool same_size = field_at(pool, "size") == field_at(pool, "size_after");
    out << fmt::format("pool {} ({}): {} of {} free now, {}{} then\n", cell_of(pool, "name"), cell_of(pool, "family"),
                       cell_of(pool, "free"), cell_of(pool, "size"), cell_of(pool, "free_after"),
                       same_size ? "" : fmt::format(" of {}", cell_of(pool, "size_after")));
  }
  for (const Json& note : field_at(plan, "notes")) {
    out << "note: " << cell_text(note) << '\n';
  }
  if (field_at(plan, "now").is_object()) {
    out << "at this moment: " << cell_of(plan, "now.message") << '\n';
  }
  print_hints(out, items);
  if (reserve) {
    const std::string made = cell_of(plan, "reserved");
    out << (!fits               ? std::string("nothing was reserved")
            : session.dry_run() ? fmt::format("{} bindings would be made (dry run)", made)
            : made == "0"       ? std::string("all of them are bound already")
                                : fmt::format("reserved: {} binding{} made", made, made == "1" ? "" : "s"))
        << '\n';
  }
}

Result<void> run_plan(ControllerSession& session, Invocation& invocation, const std::string& target,
                      const std::string& what, const Json& body, bool reserve = false) {
  const auto plan = session.post("/v1/plans:" + target, body);
  if (!plan) {
    return plan.error();
  }
  print_plan(invocation, session, what, *plan, reserve);
  invocation.exit_code = field_at(*plan, "fits") == true ? 0 : plan_does_not_fit;
  return ok();
}

Result<Json> replicas_body(const PlanWords& words) {
  Json body = {{"namespace", words.namespace_}, {"workload", words.name}, {"replicas", words.replicas}};
  if (auto put = words.wishes.put_into(body); !put) {
    return put.error();
  }
  put_field(body, "nodes", words.nodes);
  return body;
}

void add_replicas_options(CLI::App& command, PlanWords& words) {
  command.add_option("NAME", words.name, "the workload: redis of redis-0, redis-1, …")->required()->type_name("");
  command.add_option("--replicas", words.replicas, "how many pods it is to have, 1 to 4096")
      ->required()
      ->type_name("COUNT");
  command.add_option("-n,--namespace", words.namespace_, "its namespace")->required()->type_name("NAME");
  command.add_option("--network", words.wishes.network, "a network its pods wish for")->type_name("NAME");
  command.add_option("--subnet", words.wishes.subnet, "a subnet they wish for")->type_name("NAME");
  add_list(command, "--pool", words.wishes.pools, "pools they wish for, in order", "NAME");
  command.add_option("--kind", words.wishes.kind, "stateful or stateless, if they say so")->type_name("KIND");
  command.add_option("--workload", words.wishes.workload, "their owner, if it is not NAME")->type_name("NAME");
  add_list(command, "--label", words.wishes.labels, "labels of theirs that rules or pools look at", "KEY=VALUE");
  add_list(command, "--node", words.nodes, "where they run, if rules or pools look at that", "NAME");
}

void add_statefulset(CLI::App& plan, Invocation& invocation, const std::shared_ptr<PlanWords>& words) {
  CLI::App* command = add_action(
      plan, invocation, "statefulset", "the addresses that NAME-0, NAME-1, … have or would get",
      R"(Example:
  mooringctl plan statefulset redis --replicas 16 -n db
  mooringctl plan statefulset redis --replicas 16 -n db --reserve --reason 'ticket 4711')",
      [&invocation, words](ControllerSession& session) -> Result<void> {
        auto body = replicas_body(*words);
        if (!body) {
          return body.error();
        }
        (*body)["first"] = words->first;
        (*body)["reserve"] = words->reserve;
        return run_plan(
            session, invocation, "statefulset",
            fmt::format("statefulset {}/{} with {} replicas", words->namespace_, words->name, words->replicas), *body,
            words->reserve);
      });
  add_replicas_options(*command, *words);
  command->add_option("--first", words->first, "ordinal of the first pod")->type_name("ORDINAL");
  command->add_option("--retention", words->wishes.retention, "of the bindings: WithWorkload, Never, \"TTL 36h\", …")
      ->type_name("RETENTION");
  command->add_flag("--reserve", words->reserve, "bind those that are not bound yet: all, or none if one does not fit");
}

void add_scale(CLI::App& plan, Invocation& invocation, const std::shared_ptr<PlanWords>& words) {
  CLI::App* command = add_action(
      plan, invocation, "scale", "would the pods that a workload has not got yet find addresses",
      R"(Example:
  mooringctl plan scale web --replicas 40 -n shop)",
      [&invocation, words](ControllerSession& session) -> Result<void> {
        const auto body = replicas_body(*words);
        if (!body) {
          return body.error();
        }
        return run_plan(session, invocation, "scale",
                        fmt::format("{}/{} with {} replicas", words->namespace_, words->name, words->replicas), *body);
      });
  add_replicas_options(*command, *words);
}

void add_pool(CLI::App& plan, Invocation& invocation, const std::shared_ptr<PlanWords>& words) {
  CLI::App* pool = plan.add_subcommand("pool", "would those who have addresses of a pool find others");
  pool->require_subcommand(1);
  pool->fallthrough();
  CLI::App* gone = add_action(*pool, invocation, "delete", "if the pool were deleted",
                              R"(Example:
  mooringctl plan pool delete old)",
                              [&invocation, words](ControllerSession& session) {
                                return run_plan(session, invocation, "pool-delete",
                                                fmt::format("without pool {}", words->name), {{"pool", words->name}});
                              });
  gone->add_option("NAME", words->name, "the pool")->required()->type_name("");
  CLI::App* smaller = add_action(*pool, invocation, "shrink", "if the pool had these ranges, or more exclusions",
                                 R"(Example:
  mooringctl plan pool shrink pods --ranges 10.100.0.0/21
  mooringctl plan pool shrink pods --exclude 10.100.4.0/24)",
                                 [&invocation, words](ControllerSession& session) {
                                   Json body = {{"pool", words->name}};
                                   put_field(body, "ranges", words->ranges);
                                   put_field(body, "exclusions", words->exclusions);
                                   return run_plan(session, invocation, "pool-shrink",
                                                   fmt::format("pool {} made smaller", words->name), body);
                                 });
  smaller->add_option("NAME", words->name, "the pool")->required()->type_name("");
  add_list(*smaller, "--ranges,--range", words->ranges, "all that is left of the pool", "RANGE");
  add_list(*smaller, "--exclude", words->exclusions, "what is never given out, beside what is so already", "RANGE");
}

void add_drain(CLI::App& plan, Invocation& invocation, const std::shared_ptr<PlanWords>& words) {
  CLI::App* node = plan.add_subcommand("node", "would the pods of a node find addresses elsewhere");
  node->require_subcommand(1);
  node->fallthrough();
  CLI::App* drain = add_action(*node, invocation, "drain", "if all pods of the node went to other nodes",
                               R"(Example:
  mooringctl plan node drain h7
  mooringctl plan node drain h7 --to h8,h9)",
                               [&invocation, words](ControllerSession& session) {
                                 Json body = {{"node", words->name}};
                                 put_field(body, "to", words->nodes);
                                 return run_plan(session, invocation, "node-drain",
                                                 fmt::format("node {} drained", words->name), body);
                               });
  drain->add_option("NAME", words->name, "the node")->required()->type_name("");
  add_list(*drain, "--to", words->nodes, "nodes that take its pods; else all that are live", "NAME");
}

}  // namespace

void add_plan(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<PlanWords>();
  CLI::App* plan = app.add_subcommand("plan", "what would become of pods; nothing is changed unless --reserve says so");
  plan->require_subcommand(1);
  plan->footer(
      R"(Exit codes: 0 it fits; 2 it does not (the table says why, pod by pod); 1 anything else, wrong usage too.

Examples:
  mooringctl plan statefulset redis --replicas 16 -n db
  mooringctl plan scale web --replicas 40 -n shop
  mooringctl plan pool delete old
  mooringctl plan pool shrink pods --ranges 10.100.0.0/21
  mooringctl plan node drain h7)");
  add_statefulset(*plan, invocation, words);
  add_scale(*plan, invocation, words);
  add_pool(*plan, invocation, words);
  add_drain(*plan, invocation, words);
}

}  // namespace mooring::ctl
