// The routes of objects that admins write as a whole, all alike (docs/api/rest.md, "Objects"):
//
//   POST /v1/KIND            create        PUT /v1/KIND/NAME     create or change
//   GET /v1/KIND             list, paged   GET /v1/KIND/NAME     one
//   DELETE /v1/KIND/NAME
//
// A kind says how it is read, shown and found; the rest is here. Threading: Ipam's thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"
#include "ipam-controller/domain/object_json.hpp"

namespace mooring::controller {

// Kind: `using Object`; collection ("pools"); read(json) -> Result<Object>; key(call) -> Result<Object::Key>;
// path(key) -> what stands behind the collection; find(state, key) -> const Object*; all(state) -> sorted pointers;
// fits(state, object, filters); filters (known ones); view(state, object) -> Json.
template <class Kind>
struct ObjectRoutes {
  using Object = typename Kind::Object;

  static asio::awaitable<Answered> create(Services& services, const Call& call) {
    const Result<Json> body = body_of(call);
    const Result<Caller> caller = plain_caller_of(call);
    const Result<void> unmatched = no_if_match(call);
    if (!body || !caller || !unmatched) {
      co_return !body ? body.error() : !caller ? caller.error() : unmatched.error();
    }
    const Result<Object> asked = Kind::read(*body);
    if (!asked) {
      co_return asked.error();
    }
    const Start<Object> start = [&](Callback<Object> done) { services.ipam.create(*caller, *asked, std::move(done)); };
    const Result<Object> made = co_await when_done(start);
    if (!made) {
      co_return made.error();
    }
    const Json shown = co_await view_now(services, *made);
    if (caller->dry_run) {
      co_return answered(200, shown);
    }
    co_return created(fmt::format("/v1/{}/{}", Kind::collection, Kind::path(made->key())), shown);
  }

  static asio::awaitable<Answered> put(Services& services, const Call& call) {
    const Result<Json> body = body_of(call);
    const Result<Caller> caller = plain_caller_of(call);
    if (!body || !caller) {
      co_return body ? caller.error() : body.error();
    }
    const Result<Object> asked = Kind::read(*body);
    const auto key = Kind::key(call);
    if (!asked || !key) {
      co_return asked ? key.error() : asked.error();
    }
    if (auto same = Kind::same(*asked, *key); !same) {
      co_return same.error();
    }
    const Start<Stored<Object>> start = [&](Callback<Stored<Object>> done) {
      services.ipam.put(*caller, *asked, std::move(done));
    };
    const Result<Stored<Object>> stored = co_await when_done(start);
    if (!stored) {
      co_return stored.error();
    }
    const Json shown = co_await view_now(services, stored->object);
    if (stored->created && !caller->dry_run) {
      co_return created(fmt::format("/v1/{}/{}", Kind::collection, Kind::path(stored->object.key())), shown);
    }
    co_return with_etag(shown, stored->changed);
  }

  static asio::awaitable<Answered> list(Services& services, const Call& call) {
    const Result<Filters> filters = filters_of(call, Kind::filters());
    if (!filters) {
      co_return filters.error();
    }
    const LookAtAll look = [&filters](const State& state) {
      Page page(filters->paging);
      for (const Object* object : Kind::all(state)) {
        if (Kind::fits(state, *object, *filters) && page.takes(Kind::path(object->key()))) {
          page.add(Kind::view(state, *object));
        }
      }
      return page;
    };
    co_return co_await list_of(services, look);
  }

  static asio::awaitable<Answered> get(Services& services, const Call& call) {
    const auto key = Kind::key(call);
    const auto known = only_parameters(call, {});
    if (!key || !known) {
      co_return key ? known.error() : key.error();
    }
    const Look look = [&key](const State& state) -> Result<Json> {
      const Object* object = Kind::find(state, *key);
      if (object == nullptr) {
        return no_such(kind_name<Object>(), Kind::collection, key_text(*key));
      }
      return Kind::view(state, *object);
    };
    co_return co_await look_at(services, look);
  }

  static asio::awaitable<Answered> remove(Services& services, const Call& call) {
    const auto key = Kind::key(call);
    const Result<Caller> caller = plain_caller_of(call);
    if (!key || !caller) {
      co_return key ? caller.error() : key.error();
    }
    const Start<void> start = [&](Callback<void> done) {
      services.ipam.template remove<Object>(*caller, *key, std::move(done));
    };
    const Result<void> gone = co_await when_done(start);
    co_return done_or(gone);
  }

 private:
  // With what the controller counts; of an object that is gone again, or was only tried: as it was made.
  static asio::awaitable<Json> view_now(Services& services, const Object& object) {
    const Start<Json> start = [&](Callback<Json> done) {
      services.ipam.read(
          [&object, done = std::move(done)](const State& state, Revision) { done(Kind::view(state, object)); });
    };
    const Result<Json> shown = co_await when_done(start);
    co_return shown ? *shown : Json();
  }
};

// The five routes of a kind with one-segment names.
#define MOORING_OBJECT_ROUTES(COLLECTION, KIND)                                        \
  {"POST", "/v1/" COLLECTION, Access::admin, &ObjectRoutes<KIND>::create},             \
      {"GET", "/v1/" COLLECTION, Access::admin, &ObjectRoutes<KIND>::list},            \
      {"GET", "/v1/" COLLECTION "/{name}", Access::admin, &ObjectRoutes<KIND>::get},   \
      {"PUT", "/v1/" COLLECTION "/{name}", Access::admin, &ObjectRoutes<KIND>::put}, { \
    "DELETE", "/v1/" COLLECTION "/{name}", Access::admin, &ObjectRoutes<KIND>::remove  \
  }

// What kinds with a name as key have in common.
template <class T>
struct NamedKind {
  using Object = T;
  static Result<std::string> key(const Call& call) { return ipam_api::parse_name("name", call.parameters[0]); }
  static const std::string& path(const std::string& name) { return name; }
  static Result<void> same(const T& object, const std::string& name) {
    return object.name == name
               ? ok()
               : Result<void>(Error(Errc::invalid_argument,
                                    fmt::format("name is '{}', and the path says '{}'", object.name, name),
                                    "an object keeps its name; make another one"));
  }
  static std::vector<const T*> pointers_to(const State::Named<T>& all) {
    std::vector<const T*> list;
    for (const auto& [name, object] : all) {
      list.push_back(&object);
    }
    return list;
  }
};

}  // namespace mooring::controller
