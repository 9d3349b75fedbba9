// GET /v1/fsck: what differs between the controller's records and its nodes; POST /v1/fsck:repair: and what can be put
// right. Both answer with lines of JSON: "progress" while nodes answer, then one "result" (docs/reference/fsck.md).
#include "ipam-controller/app/fsck.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/node_survey.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/app/release_brake.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;
using ipam_api::NodeInventory;
using ipam_api::Role;

constexpr std::uint64_t default_seconds = 20;
constexpr std::uint64_t most_seconds = 600;
constexpr std::chrono::seconds repair_within{10};

struct Order {
  std::vector<std::string> nodes;
  std::chrono::seconds patience{default_seconds};
  bool repair = false;
  bool force = false;
  Caller caller;
};

Json json_of(const Difference& found) {
  Json json = {{"kind", found.kind},
               {"node", found.node},
               {"pod", found.pod},
               {"address", found.address},
               {"detail", found.detail},
               {"generation", found.generation},
               {"repair", to_string(found.repair)},
               {"advice", found.advice}};
  json["attachment"] = found.attachment ? Json(found.attachment->str()) : Json();
  if (!found.link.empty()) {
    json["link"] = found.link;
  }
  return json;
}

// One check of everything, told line by line.
class Fsck {
 public:
  Fsck(Services& services, Order order) : services_(services), order_(std::move(order)) {}

  asio::awaitable<void> run(http::LineSink& sink) {
    const auto first = co_await survey(order_.nodes, 1, sink);
    std::vector<Difference> before = co_await compared(first->answers());
    std::map<std::string, std::size_t> reported;
    Json nodes = Json::array();
    for (const NodeAnswer& answer : first->answers()) {
      Json node = {{"name", answer.node}, {"answered", answer.inventory.has_value()}};
      if (answer.inventory) {
        node["ports"] = answer.inventory->ports.size();
        reported[answer.node] = answer.inventory->ports.size();
      } else {
        node["reason"] = answer.inventory.error().text();
      }
      nodes.push_back(std::move(node));
    }
    std::vector<std::string> again;
    for (const Difference& found : before) {
      if (!found.node.empty() && std::find(again.begin(), again.end(), found.node) == again.end()) {
        again.push_back(found.node);
      }
    }
    const auto second = co_await survey(again, 2, sink);
    std::vector<Difference> now = co_await compared(second->answers());
    differences_ = seen_twice(before, std::move(now));
    sort(differences_);
    Json shown = Json::array();
    if (order_.repair) {
      co_await put_right(reported, shown);
    } else {
      std::transform(differences_.begin(), differences_.end(), std::back_inserter(shown), json_of);
    }
    Json result = {{"type", "result"}, {"nodes", std::move(nodes)}, {"differences", std::move(shown)}};
    co_await write(sink, result);
  }

 private:
  asio::awaitable<void> write(http::LineSink& sink, const Json& line) {
    auto text = std::make_shared<const std::string>(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    const Result<void> written = co_await sink.write(std::move(text));
    if (!written) {
      spdlog::debug("fsck: nobody listens any more: {}", written.error().text());
    }
  }

  asio::awaitable<std::shared_ptr<NodeSurvey>> survey(std::vector<std::string> nodes, int round, http::LineSink& sink) {
    const auto executor = co_await asio::this_coro::executor;
    const auto deadline = std::chrono::steady_clock::now() + order_.patience;
    auto asked = std::make_shared<NodeSurvey>(executor, services_.hub, nodes, deadline);
    asked->start();
    bool more = co_await asked->another();
    while (more) {
      Json line = {{"type", "progress"}, {"round", round}, {"answered", asked->answered()}, {"nodes", nodes.size()}};
      co_await write(sink, line);
      more = co_await asked->another();
    }
    co_return asked;
  }

  // One node a read: between two of them other requests have their turn.
  asio::awaitable<std::vector<Difference>> compared(const std::vector<NodeAnswer>& answers) {
    std::vector<Difference> all;
    for (const NodeAnswer& answer : answers) {
      if (!answer.inventory) {
        continue;
      }
      const Start<std::vector<Difference>> look = [&](Callback<std::vector<Difference>> done) {
        services_.ipam.read([&answer, done = std::move(done)](const State& state, Revision) {
          done(compare(state, answer.node, *answer.inventory));
        });
      };
      const auto found = co_await when_done(look);
      all.insert(all.end(), found->begin(), found->end());
    }
    const Start<std::vector<Difference>> look = [&](Callback<std::vector<Difference>> done) {
      services_.ipam.read([done = std::move(done)](const State& state, Revision) { done(compare_bindings(state)); });
    };
    const auto found = co_await when_done(look);
    all.insert(all.end(), found->begin(), found->end());
    co_return all;
  }

  asio::awaitable<void> put_right(const std::map<std::string, std::size_t>& reported, Json& shown) {
    std::map<std::string, std::size_t> lost;
    for (const Difference& found : differences_) {
      const bool loses = found.repair == Repair::release_port || found.repair == Repair::remove_port;
      lost[found.node] += loses ? 1U : 0U;
    }
    std::map<std::string, std::size_t> known;
    const Start<std::map<std::string, std::size_t>> look = [&](Callback<std::map<std::string, std::size_t>> done) {
      services_.ipam.read([&lost, done = std::move(done)](const State& state, Revision) {
        std::map<std::string, std::size_t> counts;
        for (const auto& [node, count] : lost) {
          counts[node] = state.count_ports_of_node(node);
        }
        done(std::move(counts));
      });
    };
    const auto counted = co_await when_done(look);
    for (const Difference& found : differences_) {
      Json json = json_of(found);
      const auto has = reported.find(found.node);
      const std::size_t ports = std::max(counted->at(found.node), has == reported.end() ? 0U : has->second);
      const bool loses = found.repair == Repair::release_port || found.repair == Repair::remove_port;
      if (found.repair == Repair::none) {
        json["outcome"] = "by hand";
      } else if (loses && !order_.force && too_many(lost[found.node], ports)) {
        json["outcome"] = fmt::format("held: {} of the {} ports of node {} would go; --force does it all the same",
                                      lost[found.node], ports, found.node);
      } else {
        const Result<void> done = co_await repair(found);
        json["repaired"] = done.has_value();
        json["outcome"] = done ? std::string("done") : "refused: " + done.error().text();
      }
      shown.push_back(std::move(json));
    }
  }

  asio::awaitable<Result<void>> ask_node(const Difference& found, Json arguments) {
    const auto deadline = std::chrono::steady_clock::now() + repair_within;
    const Result<Json> answer =
        co_await services_.hub.ask(Role::node, found.node, "repair", std::move(arguments), deadline);
    if (!answer) {
      co_return answer.error();
    }
    if (answer->is_object() && answer->contains("title")) {
      co_return ipam_api::error_from_problem(200, answer->dump()).within(fmt::format("node {}", found.node));
    }
    co_return ok();
  }

  // Looks again first, at both ends.
  asio::awaitable<Result<void>> repair(const Difference& found) {
    Json arguments = {{"action", to_string(found.repair)}, {"generation", found.generation}};
    if (found.attachment) {
      arguments["attachment"] = found.attachment->str();
    }
    if (found.repair == Repair::remove_link) {
      arguments["link"] = found.link;
    } else if (found.repair == Repair::restore_port) {
      const Result<Json> record = co_await record_of(found);
      if (!record) {
        co_return record.error();
      }
      arguments.update(*record);
    } else if (found.repair == Repair::release_port) {
      if (found.kind == "ovs-port-without-link") {
        Json removal = arguments;
        removal["action"] = to_string(Repair::remove_port);
        const Result<void> removed = co_await ask_node(found, std::move(removal));
        if (!removed) {
          co_return removed;
        }
      } else {
        arguments["action"] = "confirm-gone";
        const Result<void> gone = co_await ask_node(found, std::move(arguments));
        if (!gone) {
          co_return gone;
        }
      }
      Caller caller = order_.caller;
      caller.reason = caller.reason.empty() ? "fsck: " + found.detail : caller.reason;
      const Start<void> start = [&](Callback<void> done) {
        services_.ipam.delete_port(caller, port_id_of(found.generation), std::move(done));
      };
      const Result<void> released = co_await when_done(start);
      co_return released;
    }
    co_return co_await ask_node(found, std::move(arguments));
  }

  // What the node has lost of a port.
  asio::awaitable<Result<Json>> record_of(const Difference& found) {
    const Start<Json> look = [&](Callback<Json> done) {
      services_.ipam.read([&found, done = std::move(done)](const State& state, Revision) {
        const auto port = state.port_of(found.node, *found.attachment);
        const Subnet* subnet = port == nullptr ? nullptr : state.subnet(port->subnet);
        if (subnet == nullptr || port->generation != found.generation) {
          done(Error(Errc::conflict, fmt::format("the port of {} is another one by now", found.pod),
                     "look again: mooringctl fsck"));
          return;
        }
        Json record = {{"pod", found.pod},
                       {"pod_uid", port->pod_uid},
                       {"network", port->owner.network},
                       {"vni", port->vni.value()},
                       {"mac", port->mac.str()}};
        for (const net::IpAddress address : port->addresses.all()) {
          if (const SubnetBlock* block = subnet->block(address.family())) {
            record[address.is_v4() ? "address" : "address6"] =
                fmt::format("{}/{}", address.str(), block->cidr.prefix_length());
          }
        }
        done(std::move(record));
      });
    };
    return when_done(look);
  }

  Services& services_;
  Order order_;
  std::vector<Difference> differences_;
};

Result<std::chrono::seconds> patience_from(std::uint64_t seconds) {
  if (seconds < 1 || seconds > most_seconds) {
    return Error(Errc::invalid_argument,
                 fmt::format("deadline_seconds is {}, expected 1 to {}", seconds, most_seconds));
  }
  return std::chrono::seconds(seconds);
}

// All that serve, or those that were named.
asio::awaitable<Result<std::vector<std::string>>> nodes_of(Services& services, std::vector<std::string> named) {
  const Start<std::vector<std::string>> look = [&](Callback<std::vector<std::string>> done) {
    services.ipam.read([&named, done = std::move(done)](const State& state, Revision) {
      std::vector<std::string> nodes;
      for (const std::string& name : named) {
        if (state.node(name) == nullptr) {
          done(no_such("node", "nodes", name));
          return;
        }
        nodes.push_back(name);
      }
      for (const auto& [name, node] : state.nodes()) {
        if (named.empty() && !node.fenced) {
          nodes.push_back(name);
        }
      }
      done(std::move(nodes));
    });
  };
  const auto found = co_await when_done(look);
  co_return found;
}

asio::awaitable<Answered> begin(Services& services, Order order) {
  std::vector<std::string> named = order.nodes;
  auto nodes = co_await nodes_of(services, std::move(named));
  if (!nodes) {
    co_return nodes.error();
  }
  order.nodes = std::move(*nodes);
  const auto fsck = std::make_shared<Fsck>(services, std::move(order));
  http::Stream::Run run = [fsck](http::LineSink& sink) { return fsck->run(sink); };
  co_return http::Answer(http::Stream(std::move(run)));
}

asio::awaitable<Answered> look(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {"node", "deadline_seconds"}); !known) {
    co_return known.error();
  }
  Order order;
  const std::string node(call.request.parameter("node"));
  if (!node.empty()) {
    order.nodes.push_back(node);
  }
  const std::string text(call.request.parameter("deadline_seconds"));
  std::uint64_t seconds = default_seconds;
  if (!text.empty()) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed != std::errc() || end != text.data() + text.size()) {
      seconds = 0;
    }
  }
  const auto patience = patience_from(seconds);
  if (!patience) {
    co_return patience.error();
  }
  order.patience = *patience;
  co_return co_await begin(services, std::move(order));
}

asio::awaitable<Answered> repair(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = caller_of(call);
  if (!body || !caller) {
    co_return body ? caller.error() : body.error();
  }
  Order order;
  ipam_api::Fields fields(*body, "fsck");
  order.repair = true;
  order.caller = *caller;
  order.nodes = fields.strings("nodes");
  order.force = fields.boolean("force", false);
  order.patience = fields.take("deadline_seconds", patience_from(fields.number("deadline_seconds", default_seconds)));
  if (caller->dry_run) {
    fields.fail("dry_run", Error(Errc::unsupported, "a repair is not tried", "GET /v1/fsck changes nothing"));
  }
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  co_return co_await begin(services, std::move(order));
}

constexpr Route routes[] = {
    {"GET", "/v1/fsck", Access::admin, &look},
    {"POST", "/v1/fsck:repair", Access::admin, &repair},
};

}  // namespace

std::span<const Route> fsck_routes() {
  return routes;
}

}  // namespace mooring::controller
