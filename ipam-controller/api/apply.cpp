// POST /v1/objects:apply: several objects of any kind, made or changed as one transaction, all or none of them.
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/api/binding_json.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/object_json.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

constexpr std::size_t max_objects = 10'000;

// What became of one object: "created", "configured", "unchanged".
struct Applied {
  std::string name;
  std::string outcome;
  Json before;  // null: it was not there
  Json after;
};
using Step = std::function<Result<Applied>(Transaction&)>;

// What the object was before the rows from `first` on were written; null: it was not there.
template <class T>
Json before(Transaction& tx, std::size_t first, const T& object) {
  for (std::size_t i = first; i < tx.undo_rows().size(); ++i) {
    const T* there = std::get_if<T>(&tx.undo_rows()[i]);
    if (there != nullptr && there->key() == object.key()) {
      return to_json(*there);
    }
  }
  return nullptr;
}

template <class T>
Applied applied(Transaction& tx, std::size_t first, const Stored<T>& stored) {
  Applied what;
  what.name = key_text(stored.object.key());
  what.outcome = stored.created ? "created" : stored.changed ? "configured" : "unchanged";
  what.after = to_json(stored.object);
  what.before = stored.changed ? before(tx, first, stored.object) : what.after;
  return what;
}

template <class T, class Written>
Step step(T wanted, Result<Stored<Written>> (*write)(Transaction&, const T&)) {
  return [wanted = std::move(wanted), write](Transaction& tx) -> Result<Applied> {
    const std::size_t first = tx.undo_rows().size();
    const auto stored = write(tx, wanted);
    return stored ? Result<Applied>(applied(tx, first, *stored)) : Result<Applied>(stored.error());
  };
}

template <class T, class Written>
Result<Step> read(Result<T> wanted, Result<Stored<Written>> (*write)(Transaction&, const T&)) {
  return wanted ? Result<Step>(step(std::move(*wanted), write)) : Result<Step>(wanted.error());
}

Result<Step> step_of(const std::string& kind, const Json& spec) {
  if (kind == kind_name<Network>()) {
    return read(network_from(spec), &put<Network>);
  }
  if (kind == kind_name<Subnet>()) {
    return read(subnet_from(spec), &put<Subnet>);
  }
  if (kind == kind_name<Pool>()) {
    return read(pool_from(spec), &put<Pool>);
  }
  if (kind == kind_name<Reservation>()) {
    return read(reservation_from(spec), &put<Reservation>);
  }
  if (kind == kind_name<Rule>()) {
    return read(rule_from(spec), &put<Rule>);
  }
  if (kind == kind_name<Webhook>()) {
    return read(webhook_from(spec), &put<Webhook>);
  }
  if (kind == kind_name<Vip>()) {
    return read(vip_from(spec), &put<Vip>);
  }
  if (kind == kind_name<AddressList>()) {
    return read(address_list_from(spec), &put<AddressList>);
  }
  if (kind == kind_name<AccessRule>()) {
    return read(access_rule_from(spec), &put<AccessRule>);
  }
  if (kind == kind_name<ExtraAddress>()) {
    return read(extra_address_from(spec), &put<ExtraAddress>);
  }
  if (kind == kind_name<Binding>()) {
    return read(new_binding_from(spec), &put_binding);
  }
  return Error(Errc::invalid_argument, fmt::format("kind '{}' is none that can be applied", kind),
               "network, subnet, pool, reservation, rule, vip, webhook, list, access-rule, binding, extra-address");
}

struct Asked {
  std::string source;
  std::string kind;
  std::string name;  // for messages: as the spec says it
  Result<Step> step;
};

std::string name_in(const Json& spec) {
  std::string name;
  for (const char* key : {"name", "network", "namespace", "hostname", "address"}) {
    if (spec.contains(key) && spec[key].is_string()) {
      name += (name.empty() ? "" : "/") + spec[key].get<std::string>();
    }
    if (std::string_view(key) == "name" && !name.empty()) {
      break;
    }
  }
  return name;
}

Result<std::vector<Asked>> asked_in(const Json& body) {
  Fields fields(body, "apply");
  const Json* list = fields.array("objects");
  if (list == nullptr) {
    fields.fail("objects", Error(Errc::invalid_argument, "is missing"));
  } else if (list->size() > max_objects) {
    return Error(Errc::too_large, fmt::format("there are {} objects, at most {} at once", list->size(), max_objects));
  }
  std::vector<Asked> asked;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    Fields object((*list)[i], fmt::format("objects[{}]", i));
    const std::string source = object.string("source", "");
    const std::string kind = object.string("kind");
    const Json* spec = object.object("spec");
    if (spec == nullptr) {
      object.fail("spec", Error(Errc::invalid_argument, "is missing"));
    }
    if (auto bad = object.finish()) {
      return *bad;
    }
    asked.push_back({source, kind, name_in(*spec), step_of(kind, *spec)});
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return asked;
}

Json problem_of(const Error& error) {
  Json problem = {{"title", error.info().id}, {"detail", error.message()}};
  if (!error.hint().empty()) {
    problem["hint"] = error.hint();
  }
  return problem;
}

Json shown(const Asked& asked, const Result<Applied>& done) {
  Json object = {{"kind", asked.kind}};
  if (!asked.source.empty()) {
    object["source"] = asked.source;
  }
  if (!done) {
    object["name"] = asked.name;
    object["outcome"] = "refused";
    object["error"] = problem_of(done.error());
    return object;
  }
  object["name"] = done->name;
  object["outcome"] = done->outcome;
  object["before"] = done->before;
  object["after"] = done->after;
  return object;
}

// All that are wrong are told, not the first alone; then nothing is written.
Json apply_all(Transaction& tx, const std::vector<Asked>& asked) {
  Json objects = Json::array();
  bool refused = false;
  for (const Asked& each : asked) {
    const Result<Applied> done = each.step ? (*each.step)(tx) : Result<Applied>(each.step.error());
    refused = refused || !done;
    objects.push_back(shown(each, done));
  }
  if (refused) {
    tx.undo();
  }
  return {
      {"applied", !refused && !tx.caller().dry_run}, {"dry_run", tx.caller().dry_run}, {"objects", std::move(objects)}};
}

asio::awaitable<Answered> apply(Services& services, const Call& call) {
  const Result<void> known = only_parameters(call, {});
  const Result<Json> body = body_of(call);
  const Result<Caller> caller = caller_of(call);
  if (!known || !body || !caller) {
    co_return !known ? known.error() : !body ? body.error() : caller.error();
  }
  if (caller->if_match) {
    co_return Error(Errc::invalid_argument, "If-Match is for one object, and this call has several",
                    "leave it away, or use PUT");
  }
  const Result<std::vector<Asked>> asked = asked_in(*body);
  if (!asked) {
    co_return asked.error();
  }
  const std::function<Result<Json>(Transaction&)> write = [&asked](Transaction& tx) {
    return Result<Json>(apply_all(tx, *asked));
  };
  const Start<Json> start = [&](Callback<Json> done) { services.ipam.run<Json>(*caller, write, std::move(done)); };
  const Result<Json> done = co_await when_done(start);
  if (!done) {
    co_return done.error();
  }
  co_return answered(200, *done);
}

constexpr Route routes[] = {{"POST", "/v1/objects:apply", Access::admin, &apply, true}};

}  // namespace

std::span<const Route> apply_routes() {
  return routes;
}

}  // namespace mooring::controller
