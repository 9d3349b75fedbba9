// The doors of the controller: path pattern x method -> use case (docs/api/rest.md). Each kind of object has a file
// with its routes; api.cpp puts them together.
//
// Threading: Ipam's thread.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/api/access.hpp"
#include "ipam-controller/api/inventories.hpp"
#include "ipam-controller/api/watch_hub.hpp"
#include "ipam-controller/api/when_done.hpp"
#include "ipam-controller/app/caller.hpp"
#include "ipam-controller/app/ipam.hpp"
#include "mooring/http/server.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {

class FeedHub;      // api/feed_hub.hpp
class Observatory;  // observe/observatory.hpp
class Restoration;  // app/restoration.hpp
class VipKeeper;    // api/vip_keeper.hpp

// What use cases work with; outlives every call.
struct Services {
  Ipam& ipam;
  WatchHub& hub;
  Observatory& observatory;
  Restoration& restoration;
  FeedHub& feeds;
  VipKeeper& vips;
  std::string backup_path;  // a file that may be made for a moment, on the store's disk
  std::shared_ptr<Inventories> inventories = std::make_shared<Inventories>();
};

// One request that was let in. Lives until its use case is done.
struct Call {
  const http::Request& request;
  std::vector<std::string> parameters;  // what stands for {…} in the pattern, in order; never empty texts
  Access access = Access::node;         // what the caller may do
};

using Answered = Result<http::Answer>;
using UseCase = asio::awaitable<Answered> (*)(Services& services, const Call& call);

struct Route {
  std::string_view method;
  // Segments; "{name}" takes any text without ':', "{name}:verb" needs the verb.
  std::string_view pattern;
  Access needs;
  UseCase run;
  bool large_body = false;  // up to large_body_bytes, where all others have 1 MiB
};
inline constexpr std::size_t large_body_bytes = std::size_t{64} * 1024 * 1024;

std::span<const Route> topology_routes();  // networks, subnets, pools, reservations
std::span<const Route> policy_routes();    // rules, extra addresses
std::span<const Route> list_routes();      // and their feeds
std::span<const Route> access_rule_routes();
std::span<const Route> sighting_routes();
std::span<const Route> vip_routes();
std::span<const Route> block_routes();
std::span<const Route> binding_routes();
std::span<const Route> import_routes();  // bindings:import
std::span<const Route> apply_routes();   // objects:apply
std::span<const Route> port_routes();
std::span<const Route> node_routes();  // nodes and gateways
std::span<const Route> node_evidence_routes();
std::span<const Route> fsck_routes();
std::span<const Route> backup_routes();
std::span<const Route> restore_routes();
std::span<const Route> watch_routes();  // version, watch, answers
std::span<const Route> event_routes();
std::span<const Route> webhook_routes();
std::span<const Route> metrics_routes();

// --- what the use cases share
// -----------------------------------------------------------------------------------------

// The body as JSON; an error says what was wrong with it.
Result<ipam_api::Json> body_of(const Call& call);
Answered answered(int status, const ipam_api::Json& body);
Answered answered_text(int status, std::string json);
// 201 with the object, its place and its ETag.
Answered created(const std::string& location, const ipam_api::Json& body);
// {} or the error.
Answered done_or(const Result<void>& result);
// Query parameters other than those are refused and named.
// (those of every change, dry_run, are always known).
Result<void> only_parameters(const Call& call, const std::vector<std::string_view>& known);
// No query parameters but ?dry_run, and then as caller_of().
Result<Caller> plain_caller_of(const Call& call);
// Who asks: the token or the user of the socket; ?dry_run=true; If-Match: "REVISION"; Mooring-Reason: TEXT.
Result<Caller> caller_of(const Call& call);
// 200 with the object's revision as ETag; `changed` false: it was so already.
Answered with_etag(const ipam_api::Json& object, bool changed = true);
// ?NAME=true|false, absent = false.
Result<bool> flag_of(const Call& call, std::string_view name);
// If-Match where it can mean nothing: a request about several objects, or about none.
Result<void> no_if_match(const Call& call);
// The same for `force`, where it is the only parameter.
Result<bool> force_of(const Call& call);

// Looks at the committed state. The reader gives back JSON or an error.
using Look = std::function<Result<ipam_api::Json>(const State& state)>;
asio::awaitable<Answered> look_at(Services& services, Look look);
// A part of a list, in the order of keys.
struct Paging {
  std::size_t limit = 5000;  // of a request that says none: a list of everything would keep all others waiting
  std::string after;         // the key of the last item of the page before
};
class Page {
 public:
  explicit Page(Paging paging) : paging_(std::move(paging)) {}
  // Does the item with that key belong here? Call in the order of the keys' texts, then add() those it takes.
  bool takes(std::string key) {
    if (!paging_.after.empty() && key <= paging_.after) {
      return false;
    }
    if (items_.size() >= paging_.limit) {
      more_ = true;
      return false;
    }
    last_ = std::move(key);
    return true;
  }
  void add(ipam_api::Json item) { items_.push_back(std::move(item)); }
  // {"items": […], "continue": "…" where there is more}
  ipam_api::Json json() const;

 private:
  Paging paging_;
  ipam_api::Json items_ = ipam_api::Json::array();
  std::string last_;
  bool more_ = false;
};

// The same for a list: {"items": […], "continue", "revision": N}.
using LookAtAll = std::function<Page(const State& state)>;
asio::awaitable<Answered> list_of(Services& services, LookAtAll look);

// "network 'x' does not exist", with the way to see which do.
Error no_such(std::string_view kind, std::string_view collection, std::string_view name);

}  // namespace mooring::controller
