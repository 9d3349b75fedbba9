// GET /v1/restore, POST /v1/restore:finish: a store made from a backup (docs/storage.md, "Backup and restore").
#include <spdlog/spdlog.h>

#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/app/restoration.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

std::string_view word_of(Restoration::NodeStatus::Heard heard) {
  switch (heard) {
    case Restoration::NodeStatus::Heard::complete:
      return "reported";
    case Restoration::NodeStatus::Heard::incomplete:
      return "incomplete";
    case Restoration::NodeStatus::Heard::nothing:
      break;
  }
  return "missing";
}

void put_adoption(Json& json, const Adoption& adoption) {
  json["known"] = adoption.known;
  json["adopted"] = adoption.adopted;
  json["replaced"] = adoption.replaced;
  json["left_out"] = Json::array();
  for (const LeftOut& left : adoption.left_out) {
    json["left_out"].push_back(
        {{"node", left.node}, {"attachment", left.attachment}, {"text", left.text}, {"harmless", left.harmless}});
  }
}

asio::awaitable<Answered> status(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Start<Restoration::Status> start = [&services](Callback<Restoration::Status> done) {
    services.restoration.status(std::move(done));
  };
  const Result<Restoration::Status> found = co_await when_done(start);
  if (!found) {
    co_return found.error();
  }
  Json json = {{"restoring", found->restoring}};
  if (found->restoring) {
    json["nodes"] = Json::array();
    for (const Restoration::NodeStatus& node : found->nodes) {
      json["nodes"].push_back({{"name", node.name}, {"state", word_of(node.heard)}, {"ports", node.ports}});
    }
    put_adoption(json, found->adoption);
  }
  co_return answered(200, json);
}

asio::awaitable<Answered> finish(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = caller_of(call);
  if (!body || !caller) {
    co_return body ? caller.error() : body.error();
  }
  ipam_api::Fields fields(*body, "restore");
  Restoration::Order order;
  for (std::string& name : fields.strings("without")) {
    order.without.insert(std::move(name));
  }
  order.leave_out = fields.boolean("leave_out", false);
  if (auto bad = fields.finish()) {
    co_return *bad;
  }
  const Start<Restoration::Outcome> start = [&](Callback<Restoration::Outcome> done) {
    services.restoration.finish(*caller, order, std::move(done));
  };
  const Result<Restoration::Outcome> outcome = co_await when_done(start);
  if (!outcome) {
    co_return outcome.error();
  }
  Json json = {{"revision", outcome->revision}};
  put_adoption(json, outcome->adoption);
  co_return answered(200, json);
}

constexpr Route routes[] = {
    {"GET", "/v1/restore", Access::admin, &status},
    {"POST", "/v1/restore:finish", Access::admin, &finish},
};

}  // namespace

std::span<const Route> restore_routes() {
  return routes;
}

}  // namespace mooring::controller
