// /v1/ports: what nodes ask for on behalf of containers, and what admins see of it.
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "ipam-controller/api/filters.hpp"
#include "ipam-controller/api/routes.hpp"
#include "ipam-controller/api/views.hpp"
#include "ipam-controller/app/given.hpp"
#include "mooring/ipam_api/allocation_text.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;

constexpr std::size_t most_at_once = 512;  // requests of one call

// A node speaks for itself: the ledger has its name, not that of the token.
Result<Caller> caller_for(const Call& call, const std::string& node) {
  auto caller = plain_caller_of(call);
  if (!caller) {
    return caller;
  }
  if (auto unmatched = no_if_match(call); !unmatched) {
    return unmatched.error();
  }
  caller->actor = {Actor::Kind::node, node, call.request.peer.str()};
  return caller;
}

asio::awaitable<Answered> allocate(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto asked = ipam_api::allocate_request_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = caller_for(call, asked->node);
  if (!caller) {
    co_return caller.error();
  }
  const Start<ipam_api::Allocation> start = [&](Callback<ipam_api::Allocation> done) {
    services.ipam.allocate(*caller, *asked, std::move(done));
  };
  const Result<ipam_api::Allocation> given = co_await when_done(start);
  if (!given) {
    co_return given.error();
  }
  services.hub.heard(ipam_api::Role::node, asked->node);
  co_return answered_text(200, text_of(*given));
}

// A refusal undoes all that it wrote: the event is a change of its own.
void tell_refused(Services& services, const Caller& caller, const ipam_api::GivenReport& report, const Error& refusal) {
  if (caller.dry_run || refusal.info().retryable) {
    return;
  }
  const std::function<Result<void>(Transaction&)> tell = [report, refusal](Transaction& tx) {
    tx.tell(given_refused_event(report, refusal));
    return ok();
  };
  services.ipam.run<void>(caller, tell, [](Result<void>) {});
}

asio::awaitable<Answered> given(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto report = ipam_api::given_report_from(*body);
  if (!report) {
    co_return report.error();
  }
  const Result<Caller> caller = caller_for(call, report->request.node);
  if (!caller) {
    co_return caller.error();
  }
  using Accept = std::function<Result<ipam_api::Allocation>(Transaction&)>;
  const Accept accept = [&report](Transaction& tx) { return accept_given(tx, *report); };
  const Start<ipam_api::Allocation> start = [&](Callback<ipam_api::Allocation> done) {
    services.ipam.run<ipam_api::Allocation>(*caller, accept, std::move(done));
  };
  const Result<ipam_api::Allocation> accepted = co_await when_done(start);
  if (!accepted) {
    tell_refused(services, *caller, *report, accepted.error());
    co_return accepted.error();
  }
  co_return answered_text(200, text_of(*accepted));
}

// What became of each request of POST /v1/ports:allocate-all, in its place.
struct Bulk {
  Json results = Json::array();
  std::size_t left = 0;
  Callback<Json> done;

  void landed(std::size_t index, const Result<ipam_api::Allocation>& given) {
    results[index] =
        given ? Json{{"allocation", to_json(*given)}} : Json{{"problem", ipam_api::problem_from(given.error())}};
    if (--left == 0) {
      done(Json{{"results", std::move(results)}});
    }
  }
};

// {"requests": [what :allocate takes, …]} -> {"results": [{"allocation"} or {"problem"}, …]}. They share a batch, and
// so one fsync; one that is refused does not touch the others.
asio::awaitable<Answered> allocate_all(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  ipam_api::Fields fields(*body, "allocate-all");
  const Json* requests = fields.array("requests");
  if (requests == nullptr || requests->empty() || requests->size() > most_at_once) {
    fields.fail("requests",
                Error(Errc::invalid_argument, fmt::format("has {} entries", requests == nullptr ? 0 : requests->size()),
                      fmt::format("1 to {}", most_at_once)));
  }
  const Result<Caller> caller = caller_for(call, "");
  if (const auto bad = fields.finish(); bad || !caller) {
    co_return bad ? *bad : caller.error();
  }
  const Start<Json> start = [&](Callback<Json> done) {
    const auto bulk = std::make_shared<Bulk>();
    bulk->results = Json::array();
    bulk->left = requests->size() + 1;
    bulk->done = std::move(done);
    for (std::size_t i = 0; i < requests->size(); ++i) {
      bulk->results.push_back(nullptr);
    }
    for (std::size_t i = 0; i < requests->size(); ++i) {
      auto asked = ipam_api::allocate_request_from((*requests)[i]);
      if (!asked) {
        bulk->landed(i, asked.error());
        continue;
      }
      Caller own = *caller;
      own.actor.name = asked->node;
      services.ipam.allocate(std::move(own), std::move(*asked),
                             [bulk, i](Result<ipam_api::Allocation> given) { bulk->landed(i, given); });
    }
    // One is left for this, so that the answer never comes inside the call.
    services.ipam.read([bulk](const State&, Revision) {
      if (--bulk->left == 0) {
        bulk->done(Json{{"results", std::move(bulk->results)}});
      }
    });
  };
  const Result<Json> results = co_await when_done(start);
  if (!results) {
    co_return results.error();
  }
  co_return answered(200, *results);
}

asio::awaitable<Answered> confirm(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto asked = ipam_api::confirm_request_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = caller_for(call, asked->node);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) { services.ipam.confirm(*caller, *asked, std::move(done)); };
  const Result<void> confirmed = co_await when_done(start);
  co_return done_or(confirmed);
}

asio::awaitable<Answered> release(Services& services, const Call& call) {
  const Result<Json> body = body_of(call);
  if (!body) {
    co_return body.error();
  }
  const auto asked = ipam_api::release_request_from(*body);
  if (!asked) {
    co_return asked.error();
  }
  const Result<Caller> caller = caller_for(call, asked->node);
  if (!caller) {
    co_return caller.error();
  }
  const Start<ipam_api::ReleaseAnswer> start = [&](Callback<ipam_api::ReleaseAnswer> done) {
    services.ipam.release(*caller, *asked, std::move(done));
  };
  const Result<ipam_api::ReleaseAnswer> released = co_await when_done(start);
  if (!released) {
    co_return released.error();
  }
  co_return answered(200, to_json(*released));
}

// Which ports a list shall have; what can be told from a packed port is asked first, for there may be a million.
class PortFilter {
 public:
  PortFilter(const Filters& filters, const PortTable& ports)
      : filters_(filters),
        ports_(ports),
        network_(of(filters.network)),
        namespace_(of(filters.namespace_)),
        node_(of(filters.node)) {}

  bool fits(const PackedPort& port) const {
    return network_.fits(port.network()) && namespace_.fits(port.namespace_id()) && node_.fits(port.node()) &&
           (filters_.hostname.empty() || filters_.hostname_fits(port.hostname())) && rest_fits(port);
  }

 private:
  struct Name {
    bool any = true;
    std::optional<NameTable::Id> id;  // none: no port has it
    bool fits(NameTable::Id other) const { return any || id == other; }
  };
  Name of(const std::string& wanted) const { return {wanted.empty(), ports_.names().find(wanted)}; }
  bool rest_fits(const PackedPort& packed) const {
    if (filters_.subnet.empty() && filters_.pool.empty() && filters_.labels.empty()) {
      return true;
    }
    const Port port = ports_.unpack(packed);
    return filters_.subnet_fits(port.subnet) && filters_.pool_fits(port.pool) && filters_.labels_fit(port.labels);
  }

  const Filters& filters_;
  const PortTable& ports_;
  Name network_, namespace_, node_;
};

PortAddress key_of(const PackedPort& port) {
  return {port.vni(), port.primary()};
}

std::string page_key_of(const PackedPort& port) {
  return fmt::format("{}/{}", port.vni().value(), port.primary().str());
}

// "100/10.0.0.7", the last of the page before.
Result<std::optional<PortAddress>> page_began_after(const std::string& text) {
  if (text.empty()) {
    return std::optional<PortAddress>();
  }
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, number);
  const bool whole = error == std::errc() && slash != end && *slash == '/';
  const auto vni = net::Vni::from(number);
  const auto address = net::IpAddress::parse(whole ? std::string_view(slash + 1, end) : std::string_view());
  if (!vni || !address) {
    return Error(Errc::invalid_argument, fmt::format("continue '{}' is not of a list of ports", text),
                 "give what the page before had in \"continue\", and the same filters");
  }
  return std::optional<PortAddress>({*vni, *address});
}

// The first ports behind `after`, one more than the page takes.
std::vector<const PackedPort*> first_of(const PortTable& ports, const PortFilter& filter,
                                        const std::optional<PortAddress>& after, std::size_t count) {
  const auto before = [](const PackedPort* a, const PackedPort* b) { return key_of(*a) < key_of(*b); };
  std::vector<const PackedPort*> first;  // a heap: its greatest goes when there are too many
  ports.each([&](const PackedPort& port) {
    const bool behind = !after || *after < key_of(port);
    if (!behind || (first.size() == count && !before(&port, first.front())) || !filter.fits(port)) {
      return;
    }
    if (first.size() == count) {
      std::pop_heap(first.begin(), first.end(), before);
      first.pop_back();
    }
    first.push_back(&port);
    std::push_heap(first.begin(), first.end(), before);
  });
  std::sort_heap(first.begin(), first.end(), before);
  return first;
}

// In the order of (VNI, address).
asio::awaitable<Answered> list(Services& services, const Call& call) {
  Result<Filters> filters = filters_of(call, {"network", "namespace", "node", "subnet", "pool", "hostname", "label"});
  if (!filters) {
    co_return filters.error();
  }
  const Result<std::optional<PortAddress>> after = page_began_after(filters->paging.after);
  if (!after) {
    co_return after.error();
  }
  filters->paging.after.clear();  // the page's keys are not in the order of their texts
  const LookAtAll look = [&filters, &after](const State& state) {
    Page page(filters->paging);
    const PortFilter filter(*filters, state.ports());
    for (const PackedPort* port : first_of(state.ports(), filter, *after, filters->paging.limit + 1)) {
      if (page.takes(page_key_of(*port))) {
        page.add(view_of(state.ports().unpack(*port)));
      }
    }
    return page;
  };
  co_return co_await list_of(services, look);
}

asio::awaitable<Answered> get(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Look look = [&call](const State& state) -> Result<Json> {
    const auto port = state.port_by_id(call.parameters[0]);
    if (port == nullptr) {
      return no_such("port", "ports", call.parameters[0]);
    }
    return view_of(*port);
  };
  co_return co_await look_at(services, look);
}

asio::awaitable<Answered> remove(Services& services, const Call& call) {
  const Result<Caller> caller = plain_caller_of(call);
  if (!caller) {
    co_return caller.error();
  }
  const Start<void> start = [&](Callback<void> done) {
    services.ipam.delete_port(*caller, call.parameters[0], std::move(done));
  };
  const Result<void> gone = co_await when_done(start);
  co_return done_or(gone);
}

constexpr Route routes[] = {
    {"POST", "/v1/ports:allocate", Access::node, &allocate},
    {"POST", "/v1/ports:allocate-all", Access::node, &allocate_all},
    {"POST", "/v1/ports:confirm", Access::node, &confirm},
    {"POST", "/v1/ports:given", Access::node, &given},
    {"POST", "/v1/ports:release", Access::node, &release},
    {"GET", "/v1/ports", Access::admin, &list},
    {"GET", "/v1/ports/{id}", Access::admin, &get},
    {"DELETE", "/v1/ports/{id}", Access::admin, &remove},
};

}  // namespace

std::span<const Route> port_routes() {
  return routes;
}

}  // namespace mooring::controller
