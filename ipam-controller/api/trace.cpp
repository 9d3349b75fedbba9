// POST /v1/ports:trace: where a packet of a pod goes, and where and why it stops (docs/howto/trace.md). The controller
// knows the records; nodes and gateways are asked down their watch streams what they would do, one after the other as
// the packet would meet them. Nothing is sent and nothing is changed.
#include "ipam-controller/api/trace.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "mooring/ipam_api/trace.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;
using ipam_api::Role;
using ipam_api::TraceAnswer;
using ipam_api::TracedPacket;

constexpr std::chrono::seconds answer_within{4};
constexpr int most_tunnels = 4;

struct Request {
  BindingKey from;
  std::optional<net::IpAddress> to_address;
  std::optional<BindingKey> to_pod;
  // Another one than the port's: what if it sent that? Without a pod: a machine's on the physical network.
  std::optional<net::IpAddress> from_address;
  bool from_machine = false;
  ipam_api::TraceProtocol protocol = ipam_api::TraceProtocol::icmp;
  std::uint16_t port = 0;
  std::string sender() const { return from_machine ? from_address->str() : from.str(); }
};

Result<std::pair<std::string, std::string>> parse_pod(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is neither an address nor a pod", text),
                 "write a pod NAMESPACE/HOSTNAME");
  }
  return std::pair(std::string(text.substr(0, slash)), std::string(text.substr(slash + 1)));
}

Result<Request> request_from(const Json& body) {
  ipam_api::Fields fields(body, "trace");
  Request request;
  request.from.network = fields.string("network", default_network);
  request.from_address = fields.parsed_if_present("from_address", &net::IpAddress::parse);
  request.from_machine = request.from_address && !fields.has("namespace") && !fields.has("hostname");
  if (!request.from_machine) {
    request.from.namespace_ = fields.string("namespace");
    request.from.hostname = fields.string("hostname");
  }
  const std::string to = fields.string("to");
  if (const auto address = net::IpAddress::parse(to)) {
    request.to_address = *address;
  } else {
    const auto pod = fields.take("to", parse_pod(to));
    request.to_pod = request.from;
    std::tie(request.to_pod->namespace_, request.to_pod->hostname) = pod;
  }
  request.protocol = fields.take("protocol", ipam_api::parse_trace_protocol(fields.string("protocol", "icmp")));
  const std::uint64_t port = fields.number("port", 0);
  if (port > 65535 || (port == 0) != (request.protocol == ipam_api::TraceProtocol::icmp)) {
    fields.fail("port",
                Error(Errc::invalid_argument, fmt::format("{} does not go with {}", port, to_string(request.protocol)),
                      "1 to 65535 with tcp and udp, none with icmp"));
  }
  request.port = static_cast<std::uint16_t>(port);
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return request;
}

struct Machine {
  Role role = Role::node;
  std::string name;
  std::string str() const { return (role == Role::node ? "node " : "gateway ") + name; }
};

// What the controller's records say, at one moment.
struct Known {
  std::optional<Port> from, to;
  std::optional<Binding> from_binding;
  std::string to_text;
  net::IpAddress destination;
  std::map<std::string, Machine, std::less<>> machines;   // by VTEP
  std::map<std::string, std::string, std::less<>> vteps;  // of nodes
  std::vector<std::string> gateways;                      // of the sender's network
  net::Vni to_vni;                                        // of the destination, if it is of a subnet
  bool to_overlay = false;
};

Result<Known> look_up(const State& state, const Request& request) {
  Known known;
  for (const auto& [name, node] : state.nodes()) {
    known.machines[node.vtep.str()] = {Role::node, name};
    known.vteps[name] = node.vtep.str();
  }
  for (const auto& [name, gateway] : state.gateways()) {
    known.machines[gateway.vtep.str()] = {Role::gateway, name};
    if (gateway.network == request.from.network) {
      known.gateways.push_back(name);
    }
  }
  if (const auto port = state.port_of(request.from)) {
    known.from = *port;
  }
  if (const Binding* binding = state.binding(request.from)) {
    known.from_binding = *binding;
  }
  if (!request.from_machine && !known.from && !known.from_binding) {
    return Error(Errc::not_found, fmt::format("tracing {}: there is no such pod", request.from.str()),
                 "mooringctl get ports shows which there are");
  }
  if (request.to_pod) {
    const auto port = state.port_of(*request.to_pod);
    const Binding* binding = state.binding(*request.to_pod);
    if (!port && binding == nullptr) {
      return Error(Errc::not_found, fmt::format("tracing to {}: there is no such pod", request.to_pod->str()),
                   "mooringctl get ports shows which there are; an address can be named, too");
    }
    const net::AddressPair addresses = port ? port->addresses : binding->addresses;
    const bool v4 = addresses.v4() && (!known.from || known.from->addresses.v4()) &&
                    (!request.from_machine || request.from_address->is_v4());
    known.destination = v4 ? *addresses.v4() : addresses.primary();
  } else {
    known.destination = *request.to_address;
  }
  const std::string address = known.destination.str();
  const Subnet* subnet = state.subnet_containing(request.from.network, known.destination);
  if (subnet == nullptr) {
    known.to_text = fmt::format("{} is in no subnet of network {}: the physical side's", address, request.from.network);
    return known;
  }
  known.to_overlay = true;
  known.to_vni = subnet->vni;
  const PortAddress key{subnet->vni, known.destination};
  if (const auto port = state.port(key)) {
    known.to = *port;
    known.to_text = fmt::format("{} is {} on node {}, port {}, {}", address, port->owner.str(), port->node, port->id,
                                port->state == PortState::active ? "active" : "pending");
  } else if (const Binding* bound = state.binding_at(key)) {
    known.to_text = fmt::format("{} is bound to {}, which has no live port", address, bound->owner.str());
  } else if (const Vip* vip = state.vip_at(key)) {
    known.to_text = fmt::format("{} is VIP {}", address, vip->name);
  } else if (const SubnetBlock* block = subnet->block(known.destination.family());
             block != nullptr && block->gateway == known.destination) {
    known.to_text = fmt::format("{} is the gateway address of subnet {}", address, subnet->name);
  } else {
    const Pool* pool = state.pool_covering(subnet->name, known.destination);
    known.to_text = pool != nullptr ? fmt::format("{} is free, of pool {}", address, pool->name)
                                    : fmt::format("{} is in subnet {}, and nobody's", address, subnet->name);
  }
  return known;
}

class Trace {
 public:
  Trace(Services& services, Request request, Known known)
      : services_(services), request_(std::move(request)), known_(std::move(known)) {}

  asio::awaitable<Json> run() {
    if (request_.from_machine ? begin_outside() : begin()) {
      co_await follow();
    }
    Json json = {{"from", request_.sender()},
                 {"to", known_.destination.str()},
                 {"hops", std::move(hops_)},
                 {"outcome", std::move(outcome_)},
                 {"verdict", std::move(verdict_)}};
    co_return json;
  }

 private:
  void hop(const std::string& where, const std::string& step, bool ok, const std::string& detail) {
    hops_.push_back({{"where", where}, {"step", step}, {"ok", ok}, {"detail", detail}});
  }
  void conclude(const char* outcome, std::string verdict) {
    outcome_ = outcome;
    verdict_ = std::move(verdict);
  }

  // False: the records alone say that nothing can be sent.
  bool begin() {
    const std::string who = request_.from.str();
    if (!known_.from) {
      const std::string text =
          fmt::format("{} has no live port; {} stays bound to it", who, known_.from_binding->addresses.str());
      hop("controller", "binding", false, text);
      conclude("stops", text);
      return false;
    }
    const Port& from = *known_.from;
    hop("controller", "binding", true,
        fmt::format("{}: {}, {}, port {} on node {}, generation {}", who, from.addresses.str(), to_string(from.kind),
                    from.id, from.node, from.generation));
    hop("controller", "target", true, known_.to_text);
    const auto source = request_.from_address ? request_.from_address : from.addresses.of(known_.destination.family());
    if (!source || source->family() != known_.destination.family()) {
      const std::string text = fmt::format("{} has no address of the family of {}", who, known_.destination.str());
      hop("controller", "target", false, text);
      conclude("stops", text);
      return false;
    }
    packet_.vni = from.vni;
    packet_.source = *source;
    packet_.destination = known_.destination;
    packet_.protocol = request_.protocol;
    packet_.port = request_.port;
    packet_.attachment = from.attachment.str();
    here_ = {Role::node, from.node};
    return true;
  }

  // A machine's packet comes in by a gateway: by which one is the physical network's affair, and all do the same.
  bool begin_outside() {
    const std::string who = request_.sender();
    std::string fault;
    const auto live = std::find_if(known_.gateways.begin(), known_.gateways.end(), [this](const std::string& name) {
      return services_.hub.presence(Role::gateway, name).live;
    });
    if (!known_.to_overlay) {
      fault = known_.to_text + ", as the sender is";
    } else if (request_.from_address->family() != known_.destination.family()) {
      fault = fmt::format("{} and {} are of two families", who, known_.destination.str());
    } else if (live == known_.gateways.end()) {
      fault = fmt::format("network {} has no live gateway", request_.from.network);
    }
    hop("controller", "target", fault.empty(), fault.empty() ? known_.to_text : fault);
    if (!fault.empty()) {
      conclude("stops", fault);
      return false;
    }
    packet_.vni = known_.to_vni;
    packet_.source = *request_.from_address;
    packet_.destination = known_.destination;
    packet_.protocol = request_.protocol;
    packet_.port = request_.port;
    packet_.from_physical = true;
    here_ = {Role::gateway, *live};
    return true;
  }

  asio::awaitable<void> follow() {
    for (int tunnels = 0; tunnels <= most_tunnels; ++tunnels) {
      const auto answer = co_await ask();
      if (!answer) {
        const std::string text = fmt::format("{} does not answer: {}", here_.str(), answer.error().text());
        hop(here_.str(), "question", false, text);
        conclude("unknown", fmt::format("cannot be told: {}", text));
        co_return;
      }
      for (const auto& line : answer->hops) {
        hop(here_.str(), line.step, line.ok, line.detail);
      }
      if (!went_on(*answer)) {
        co_return;
      }
    }
    conclude("stops", fmt::format("it went through {} tunnels and is still under way: a loop", most_tunnels + 1));
  }

  asio::awaitable<Result<TraceAnswer>> ask() {
    const auto deadline = std::chrono::steady_clock::now() + answer_within;
    Json arguments = to_json(packet_);
    const Result<Json> json =
        co_await services_.hub.ask(here_.role, here_.name, "trace", std::move(arguments), deadline);
    if (!json) {
      co_return json.error();
    }
    if (json->is_object() && json->contains("title")) {
      co_return ipam_api::error_from_problem(200, json->dump());
    }
    co_return ipam_api::trace_answer_from(*json);
  }

  // True: another machine has to be asked.
  bool went_on(const TraceAnswer& answer) {
    using Outcome = TraceAnswer::Outcome;
    const std::string target = fmt::format("{}{}", known_.destination.str(),
                                           known_.to ? fmt::format(" ({})", known_.to->owner.str()) : std::string());
    switch (answer.outcome) {
      case Outcome::stops:
        conclude("stops", fmt::format("stops on {}: {}", here_.str(), answer.why));
        return false;
      case Outcome::delivered:
        conclude("arrives",
                 fmt::format("arrives: {} reaches {} on {}{}", request_.sender(), target, here_.str(), way_));
        return false;
      case Outcome::physical:
        conclude("arrives", fmt::format("leaves: {} hands it to the physical network", here_.str()));
        return false;
      case Outcome::host:
        conclude("arrives", fmt::format("arrives: it is for {} itself", here_.str()));
        return false;
      case Outcome::answered:
        conclude("arrives",
                 fmt::format("arrives: {} answers for {} on the spot", here_.str(), known_.destination.str()));
        return false;
      case Outcome::asks:
        return to_the_target();
      case Outcome::tunnel:
        return through_tunnel(answer);
    }
    return false;
  }

  bool through_tunnel(const TraceAnswer& answer) {
    const auto next = known_.machines.find(answer.vtep);
    if (next == known_.machines.end()) {
      const std::string text = fmt::format("VTEP {} belongs to no node or gateway", answer.vtep);
      hop("controller", "tunnel", false, text);
      conclude("stops", fmt::format("stops behind {}: {}", here_.str(), text));
      return false;
    }
    const auto vni = net::Vni::from(answer.vni);
    packet_.vni = vni ? *vni : packet_.vni;
    packet_.mac = answer.mac;
    packet_.from_physical = false;
    enter(next->second);
    return true;
  }

  // The agent makes a flow from its directory: to the node that has the address.
  bool to_the_target() {
    const auto vtep = known_.to ? known_.vteps.find(known_.to->node) : known_.vteps.end();
    if (vtep == known_.vteps.end() || known_.to->node == here_.name) {
      conclude("stops", fmt::format("stops on {}: {}, and no gateway is there to ask", here_.str(), known_.to_text));
      return false;
    }
    packet_.vni = known_.to->vni;
    enter({Role::node, known_.to->node});
    return true;
  }

  void enter(Machine next) {
    for (const auto& [vtep, machine] : known_.machines) {
      if (machine.role == here_.role && machine.name == here_.name) {
        packet_.from_vtep = vtep;
      }
    }
    packet_.attachment = known_.to ? known_.to->attachment.str() : std::string();
    way_ += fmt::format("{} {}", way_.empty() ? ", by way of" : " and", here_.str());
    here_ = std::move(next);
  }

  Services& services_;
  Request request_;
  Known known_;
  TracedPacket packet_;
  Machine here_;
  std::string way_;
  Json hops_ = Json::array();
  std::string outcome_, verdict_;
};

asio::awaitable<Answered> trace(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  auto request = request_from(*body);
  if (!request) {
    co_return request.error();
  }
  const Start<Known> look = [&services, &request](Callback<Known> done) {
    services.ipam.read(
        [&request, done = std::move(done)](const State& state, Revision) { done(look_up(state, *request)); });
  };
  auto known = co_await when_done(look);
  if (!known) {
    co_return known.error();
  }
  Trace run(services, std::move(*request), std::move(*known));
  const Json answer = co_await run.run();
  co_return answered(200, answer);
}

constexpr Route routes[] = {
    {"POST", "/v1/ports:trace", Access::admin, &trace},
};

}  // namespace

std::span<const Route> trace_routes() {
  return routes;
}

}  // namespace mooring::controller
