// /v1/webhooks: as other objects, but the secret goes in and never out, and what becomes of deliveries is shown.
#include "ipam-controller/api/objects.hpp"
#include "ipam-controller/observe/event_view.hpp"
#include "ipam-controller/observe/observatory.hpp"

namespace mooring::controller {
namespace {

Json status_of(const Observatory& observatory, const Webhook& webhook) {
  const Delivery::Status* status = observatory.webhook_status(webhook.name);
  if (status == nullptr) {
    return nullptr;
  }
  const char* state = webhook.disabled ? "disabled" : status->failed_in_row > 0 ? "failing" : "working";
  return {{"state", state},
          {"delivered_sequence", status->cursor},
          {"pending_events", observatory.webhook_pending(webhook.name)},
          {"delivered_messages", status->messages},
          {"failed_attempts", status->failures},
          {"failed_in_row", status->failed_in_row},
          {"last_error", status->last_error}};
}

struct WebhookKind : NamedKind<Webhook> {
  static constexpr std::string_view collection = "webhooks";
  static std::vector<std::string_view> filters() { return {}; }
  static Result<Webhook> read(const Json& json) { return webhook_from(json); }
  static const Webhook* find(const State& state, const std::string& name) { return state.webhook(name); }
  static std::vector<const Webhook*> all(const State& state) { return pointers_to(state.webhooks()); }
  static bool fits(const State&, const Webhook&, const Filters&) { return true; }
  static Json view(const State&, const Webhook& webhook) { return to_json(webhook); }
};

asio::awaitable<Answered> create(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = caller_of(call);
  if (!body || !caller) {
    co_return body ? caller.error() : body.error();
  }
  Result<Webhook> asked = webhook_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const bool make_secret = asked->secret.empty();
  if (make_secret) {
    asked->secret = new_webhook_secret();
  }
  const Start<Webhook> start = [&](Callback<Webhook> done) { services.ipam.create(*caller, *asked, std::move(done)); };
  const Result<Webhook> made = co_await when_done(start);
  if (!made) {
    co_return made.error();
  }
  Json shown = to_json(*made);
  // The only time that a secret is shown: it was made here, and nobody else knows it.
  if (make_secret) {
    shown["secret"] = made->secret;
  }
  services.observatory.look_soon();
  co_return caller->dry_run ? answered(200, shown) : created("/v1/webhooks/" + made->name, shown);
}

asio::awaitable<Answered> put(Services& services, const Call& call) {
  Answered answer = co_await ObjectRoutes<WebhookKind>::put(services, call);
  services.observatory.look_soon();
  co_return answer;
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  const Look look = [&](const State& state) -> Result<Json> {
    const Webhook* webhook = state.webhook(call.parameters[0]);
    if (webhook == nullptr) {
      return no_such("webhook", "webhooks", call.parameters[0]);
    }
    Json json = to_json(*webhook);
    json["status"] = status_of(services.observatory, *webhook);
    return json;
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  const Result<Filters> filters = filters_of(call, {});
  if (!filters) {
    co_return filters.error();
  }
  const LookAtAll look = [&](const State& state) {
    Page page(filters->paging);
    for (const auto& [name, webhook] : state.webhooks()) {
      if (page.takes(name)) {
        Json json = to_json(webhook);
        json["status"] = status_of(services.observatory, webhook);
        page.add(std::move(json));
      }
    }
    return page;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> test(Services& services, const Call& call) {
  const Result<Caller> caller = caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const std::string& name = call.parameters[0];
  const std::function<Result<void>(Transaction&)> tell = [&](Transaction& tx) -> Result<void> {
    if (tx.state().webhook(name) == nullptr) {
      return no_such("webhook", "webhooks", name);
    }
    tx.tell(make_event("webhook.test", "webhook/" + name,
                       fmt::format("{} asked for an event to try webhook {}", tx.caller().actor.name, name)));
    return ok();
  };
  services.observatory.look_soon();
  const Start<void> start = [&](Callback<void> done) { services.ipam.run<void>(*caller, tell, std::move(done)); };
  const Result<void> told = co_await when_done(start);
  co_return done_or(told);
}

constexpr Route routes[] = {
    {"POST", "/v1/webhooks", Access::admin, &create},
    {"GET", "/v1/webhooks", Access::admin, &list},
    {"GET", "/v1/webhooks/{name}", Access::admin, &get},
    {"PUT", "/v1/webhooks/{name}", Access::admin, &put},
    {"DELETE", "/v1/webhooks/{name}", Access::admin, &ObjectRoutes<WebhookKind>::remove},
    {"POST", "/v1/webhooks/{name}:test", Access::admin, &test},
};

}  // namespace

std::span<const Route> webhook_routes() {
  return routes;
}

}  // namespace mooring::controller
