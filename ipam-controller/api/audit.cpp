#include "ipam-controller/api/audit.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

using ipam_api::Json;

constexpr std::size_t usual_limit = 100;
constexpr std::size_t max_limit = 2'000;             // records of an answer: about a megabyte
constexpr std::size_t max_verified_at_once = 5'000;  // what other requests may wait for: some 20 ms

Result<std::uint64_t> number_of(const Call& call, std::string_view name, std::uint64_t fallback,
                                std::uint64_t most = std::uint64_t{1} << 62U) {
  const std::string_view text = call.request.parameter(name);
  std::uint64_t value = fallback;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && (error != std::errc{} || end != text.data() + text.size() || value > most)) {
    return Error(Errc::invalid_argument, fmt::format("{} is '{}', expected a number up to {}", name, text, most));
  }
  return value;
}

Result<std::optional<TimeMs>> time_of(const Call& call, std::string_view name) {
  if (call.request.parameter(name).empty()) {
    return std::optional<TimeMs>();
  }
  const auto number = number_of(call, name, 0);
  if (!number) {
    return number.error();
  }
  return std::optional<TimeMs>(static_cast<TimeMs>(*number));
}

Result<AuditQuery> query_of(const Call& call, std::size_t limit) {
  AuditQuery query;
  const auto after = number_of(call, "after", 0);
  const auto up_to = number_of(call, "up_to", query.up_to);
  const auto from = time_of(call, "from_ms");
  const auto to = time_of(call, "to_ms");
  const auto most = number_of(call, "limit", limit, max_limit);
  for (const auto& number : {after, up_to, most}) {
    if (!number) {
      return number.error();
    }
  }
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  query.subject = call.request.parameter("subject");
  query.after = *after;
  query.up_to = *up_to;
  query.from_ms = *from;
  query.to_ms = *to;
  query.limit = *most == 0 ? limit : static_cast<std::size_t>(*most);
  return query;
}

Json json_of(const AuditHead& head) {
  return {{"seq", head.seq}, {"hash", head.hash}};
}

asio::awaitable<Result<AuditPage>> page_of(Services& services, const AuditQuery& query) {
  const Start<AuditPage> start = [&](Callback<AuditPage> done) { services.ipam.ledger().read(query, std::move(done)); };
  co_return co_await when_done(start);
}

asio::awaitable<Answered> list(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {"subject", "after", "up_to", "from_ms", "to_ms", "limit"}); !known) {
    co_return known.error();
  }
  const auto query = query_of(call, usual_limit);
  if (!query) {
    co_return query.error();
  }
  const Result<AuditPage> page = co_await page_of(services, *query);
  if (!page) {
    co_return page.error();
  }
  Json items = Json::array();
  for (const AuditRecord& record : page->records) {
    auto item = ipam_api::parse_json(fmt::format("record {}", record.seq), record.text);
    if (!item) {
      const Error damaged(Errc::storage, item.error().message(),
                          "see how far the ledger is whole: mooringctl audit verify");
      co_return damaged;
    }
    (*item)["hash"] = record.hash;
    items.push_back(std::move(*item));
  }
  const Json body = {
      {"items", std::move(items)}, {"more", page->more}, {"first_seq", page->first_seq}, {"head", json_of(page->head)}};
  co_return answered(200, body);
}

// Records as they are hashed, to be written to a file (ipam_api/audit_file.hpp).
asio::awaitable<Answered> export_segment(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {"after", "up_to", "limit"}); !known) {
    co_return known.error();
  }
  const auto query = query_of(call, max_limit);
  if (!query) {
    co_return query.error();
  }
  const Result<AuditPage> page = co_await page_of(services, *query);
  if (!page) {
    co_return page.error();
  }
  Json records = Json::array();
  for (const AuditRecord& record : page->records) {
    records.push_back({{"hash", record.hash}, {"record", record.text}});
  }
  const AuditSeq after = std::max(query->after, page->first_seq - 1);
  const bool none = page->records.empty();
  const Json body = {{"incarnation", services.ipam.incarnation()},
                     {"first_seq", after + 1},
                     {"last_seq", none ? after : page->records.back().seq},
                     {"previous_hash", page->previous_hash},
                     {"last_hash", none ? page->previous_hash : page->records.back().hash},
                     {"more", page->more},
                     {"records", std::move(records)}};
  co_return answered(200, body);
}

asio::awaitable<Answered> verify(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {"after", "limit"}); !known) {
    co_return known.error();
  }
  const auto after = number_of(call, "after", 0);
  const auto limit = number_of(call, "limit", max_verified_at_once, max_verified_at_once);
  if (!after || !limit) {
    co_return after ? limit.error() : after.error();
  }
  const Start<AuditVerdict> start = [&](Callback<AuditVerdict> done) {
    services.ipam.ledger().verify(*after, static_cast<std::size_t>(*limit), std::move(done));
  };
  const Result<AuditVerdict> verdict = co_await when_done(start);
  if (!verdict) {
    co_return verdict.error();
  }
  const Json body = {
      {"whole", verdict->bad_seq == 0}, {"first_seq", verdict->first_seq},
      {"last_seq", verdict->last_seq},  {"records", verdict->records},
      {"more", verdict->more},          {"bad_seq", verdict->bad_seq == 0 ? Json(nullptr) : Json(verdict->bad_seq)},
      {"problem", verdict->problem},    {"head", json_of(verdict->head)}};
  co_return answered(200, body);
}

asio::awaitable<Answered> prune(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Result<Caller> caller = caller_of(call);
  const Result<Json> body = body_of(call);
  if (!caller || !body) {
    co_return caller ? body.error() : caller.error();
  }
  ipam_api::Fields fields(*body, "the request body");
  AuditPrune cut;
  cut.last_seq = fields.number("last_seq");
  cut.last_hash = fields.string("last_hash");
  if (const auto wrong = fields.finish()) {
    co_return *wrong;
  }
  if (caller->dry_run) {
    const Error refused(Errc::invalid_argument, "pruning the audit ledger cannot be tried");
    co_return refused;
  }
  cut.actor = caller->actor;
  cut.reason = caller->reason;
  cut.at_ms = services.ipam.now();
  cut.revision = services.ipam.committed_revision();
  const Start<AuditPruned> start = [&](Callback<AuditPruned> done) {
    services.ipam.ledger().prune(cut, std::move(done));
  };
  const Result<AuditPruned> pruned = co_await when_done(start);
  if (!pruned) {
    co_return pruned.error();
  }
  const Json answer = {{"records", pruned->records}, {"first_seq", pruned->first_seq}};
  co_return answered(200, answer);
}

constexpr Route routes[] = {
    {"GET", "/v1/audit", Access::admin, &list},
    {"GET", "/v1/audit:export", Access::admin, &export_segment},
    {"POST", "/v1/audit:verify", Access::admin, &verify},
    {"POST", "/v1/audit:prune", Access::admin, &prune},
};

}  // namespace

std::span<const Route> audit_routes() {
  return routes;
}

}  // namespace mooring::controller
