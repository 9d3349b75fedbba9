// explain
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/times.hpp"
#include "mooring/http/message.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::ctl {
namespace {

struct Wanted {
  std::string pod, node, network, pool, kind;
};

std::int64_t time_at(const Json& object, std::string_view field) {
  const Json& value = field_at(object, field);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string addresses_of(const Json& object) {
  const bool v4 = field_at(object, "address").is_string();
  const bool v6 = field_at(object, "address6").is_string();
  return (v4 ? cell_of(object, "address") : "") + (v4 && v6 ? ", " : "") + (v6 ? cell_of(object, "address6") : "");
}

void print_live(std::ostream& out, const Wanted& wanted, const Json& port) {
  out << fmt::format("{} is live on node {}: {} ({}, pool {}, MAC {}), port {} since {}\n", wanted.pod,
                     cell_of(port, "node"), addresses_of(port), cell_of(port, "kind"), cell_of(port, "pool"),
                     cell_of(port, "mac"), cell_of(port, "id"), time_text(time_at(port, "created_ms")));
}

// A hostname that keeps its addresses while no pod has them.
void print_bound(std::ostream& out, const Wanted& wanted, const Json& binding) {
  const std::string last = cell_of(binding, "last_node");
  const std::int64_t ends = time_at(binding, "expires_ms");
  out << fmt::format("{} is bound to {} ({}, {}, pool {}, MAC {}) since {}, and not live{}{}\n", wanted.pod,
                     addresses_of(binding), cell_of(binding, "kind"), cell_of(binding, "retention"),
                     cell_of(binding, "pool"), cell_of(binding, "mac"), time_text(time_at(binding, "created_ms")),
                     last == "-" ? "" : "; it was last on node " + last,
                     ends == 0 ? "" : "; the binding ends at " + time_text(ends));
}

// Where a bound hostname could come up: its answer is the same on every node. "": there is none.
Result<std::string> some_node(ControllerSession& session, const Json& binding) {
  const auto nodes = session.get("/v1/nodes");
  if (!nodes) {
    return nodes.error();
  }
  std::string some;
  for (const Json& node : field_at(*nodes, "items")) {
    const bool last = cell_of(node, "name") == cell_of(binding, "last_node");
    if (field_at(node, "fenced") != true && (some.empty() || last)) {
      some = cell_of(node, "name");
    }
  }
  return some;
}

Json request_of(const Wanted& wanted, const std::string& namespace_name, const std::string& hostname,
                const std::string& node) {
  Json wishes = Json::object();
  if (!wanted.network.empty()) {
    wishes["network"] = wanted.network;
  }
  if (!wanted.pool.empty()) {
    wishes["pools"] = Json::array({wanted.pool});
  }
  if (!wanted.kind.empty()) {
    wishes["kind"] = wanted.kind;
  }
  return {{"node", node},
          {"attachment", {{"container_id", "mooringctl-explain"}, {"ifname", "eth0"}}},
          {"namespace", namespace_name},
          {"hostname", hostname},
          {"wishes", std::move(wishes)}};
}

// Who has an address, and who claims it without having it.
Result<void> explain_address(ControllerSession& session, Invocation& invocation, const std::string& address) {
  std::ostream& out = invocation.out;
  const auto answer = session.get("/v1/sightings?address=" + http::percent_encoded(address));
  if (!answer) {
    return answer.error();
  }
  const Json& items = field_at(*answer, "items");
  for (const Json& item : items) {
    const std::string holder = cell_of(item, "holder");
    out << fmt::format("{} of network {}: {}\n  claimed by MAC {}, {} of {}, {} times from {} to {}\n", address,
                       cell_of(item, "network"), holder == "-" ? "nobody holds it" : holder + " holds it",
                       cell_of(item, "mac"), cell_of(item, "where"), cell_of(item, "reporter"), cell_of(item, "count"),
                       time_text(time_at(item, "first_ms")), time_text(time_at(item, "last_ms")));
  }
  if (items.empty()) {
    out << fmt::format("nobody claims {} who does not hold it; who had it when: mooringctl history {}\n", address,
                       address);
  }
  return ok();
}

Result<void> explain(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  if (net::IpAddress::parse(wanted.pod)) {
    return explain_address(session, invocation, wanted.pod);
  }
  const auto slash = wanted.pod.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == wanted.pod.size()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is neither a pod nor an address", wanted.pod),
                 "write a pod NAMESPACE/HOSTNAME");
  }
  const std::string namespace_name = wanted.pod.substr(0, slash);
  const std::string hostname = wanted.pod.substr(slash + 1);
  std::ostream& out = invocation.out;
  std::string node = wanted.node;
  const auto ports = session.get(fmt::format("/v1/ports?namespace={}&hostname={}",
                                             http::percent_encoded(namespace_name), http::percent_encoded(hostname)));
  if (!ports) {
    return ports.error();
  }
  for (const Json& port : field_at(*ports, "items")) {
    print_live(out, wanted, port);
    node = node.empty() ? cell_of(port, "node") : node;
  }
  const auto bindings = session.get(fmt::format(
      "/v1/bindings?namespace={}&hostname={}{}", http::percent_encoded(namespace_name), http::percent_encoded(hostname),
      wanted.network.empty() ? "" : "&network=" + http::percent_encoded(wanted.network)));
  if (!bindings) {
    return bindings.error();
  }
  Json bound;
  for (const Json& binding : field_at(*bindings, "items")) {
    if (field_at(binding, "node").is_null()) {
      print_bound(out, wanted, binding);
      bound = bound.is_null() ? binding : bound;
    }
  }
  const auto refusal = session.get(
      fmt::format("/v1/refusals/{}/{}", http::percent_encoded(namespace_name), http::percent_encoded(hostname)));
  if (refusal) {
    out << fmt::format("refused {} times, from {} to {}, the last time on node {}:\n  {}\n  way out: {}\n",
                       cell_of(*refusal, "times"), time_text(time_at(*refusal, "first_ms")),
                       time_text(time_at(*refusal, "last_ms")), cell_of(*refusal, "node"),
                       cell_of(*refusal, "error.message"), cell_of(*refusal, "error.hint"));
    node = node.empty() ? cell_of(*refusal, "node") : node;
  } else if (refusal.error().code() != Errc::not_found) {
    return refusal.error();
  }
  if (node.empty() && bound.is_object()) {
    auto found = some_node(session, bound);
    if (!found) {
      return found.error();
    }
    if (found->empty()) {
      out << "it cannot come up: no node is registered\n";
      return ok();
    }
    node = std::move(*found);
  }
  if (node.empty()) {
    return Error(Errc::invalid_argument,
                 fmt::format("{} is not bound, not live and was not refused lately", wanted.pod),
                 "to see what it would get, say where it would run: --node NAME");
  }
  const auto answer = session.post("/v1/ports:explain", request_of(wanted, namespace_name, hostname, node));
  if (!answer) {
    return answer.error();
  }
  out << fmt::format("if it asked now, from node {}:\n", node);
  for (const Json& line : field_at(*answer, "lines")) {
    out << "  " << cell_text(line) << '\n';
  }
  const Json& error = field_at(*answer, "error");
  if (error.is_object()) {
    out << fmt::format("  refused: {}\n  way out: {}\n", cell_of(error, "message"), cell_of(error, "hint"));
    return ok();
  }
  const Json& result = field_at(*answer, "result");
  out << fmt::format("  it gets {} ({}, pool {}, MAC {})\n", addresses_of(result), cell_of(result, "kind"),
                     cell_of(result, "pool"), cell_of(result, "mac"));
  return ok();
}

}  // namespace

void add_explain(CLI::App& app, Invocation& invocation) {
  const auto wanted = std::make_shared<Wanted>();
  CLI::App* command = app.add_subcommand(
      "explain", "why a pod has its address, or gets none; who claims an address; nothing is changed");
  command->footer(R"(Examples:
  mooringctl explain shop/db-0
  mooringctl explain shop/new-0 --node h1 --pool web
  mooringctl explain 10.100.0.7)");
  command->add_option("POD", wanted->pod, "NAMESPACE/HOSTNAME, or an address")->required()->type_name("");
  command->add_option("--node", wanted->node, "where it would run")->type_name("NAME");
  command->add_option("--network", wanted->network, "a network it would wish for")->type_name("NAME");
  command->add_option("--pool", wanted->pool, "a pool it would wish for")->type_name("NAME");
  command->add_option("--kind", wanted->kind, "static, stateful or stateless")->type_name("KIND");
  command->callback([&invocation, wanted] {
    invocation.action = [&invocation, wanted](ControllerSession& session) {
      return explain(session, invocation, *wanted);
    };
  });
}

}  // namespace mooring::ctl
