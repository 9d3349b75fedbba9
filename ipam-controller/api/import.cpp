// POST /v1/bindings:import
//
// 100,000 items are 25 MB: they are parsed in slices, with other requests between them, and then tried and made as one
// transaction (app/import.hpp).
#include "ipam-controller/app/import.hpp"

#include <memory>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "ipam-controller/api/problem.hpp"
#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {
namespace {

using ipam_api::ImportItem;
using ipam_api::ImportReport;
using ipam_api::Json;
using Items = std::vector<ImportItem>;

// A few milliseconds of parsing.
constexpr std::size_t items_a_slice = 500;

struct Job {
  Caller caller;
  ImportOptions options;
  std::string body;
};

Result<bool> choice_of(const Call& call, std::string_view name, std::string_view no, std::string_view yes) {
  const std::string_view value = call.request.parameter(name);
  if (value.empty() || value == no) {
    return false;
  }
  if (value == yes) {
    return true;
  }
  return Error(Errc::invalid_argument, fmt::format("{} is '{}', expected {} or {}", name, value, no, yes));
}

Result<Job> job_of(const Call& call) {
  if (const auto known = only_parameters(call, {"on_conflict", "findings", "progress"}); !known) {
    return known.error();
  }
  auto caller = caller_of(call);
  const auto skip = choice_of(call, "on_conflict", "refuse", "skip");
  const auto all = choice_of(call, "findings", "some", "all");
  if (!caller || !skip || !all) {
    return !caller ? caller.error() : !skip ? skip.error() : all.error();
  }
  return Job{std::move(*caller), {*skip, *all}, call.request.body};
}

// {"items": […]}
Result<Items> items_of_document(const std::string& body) {
  const auto document = ipam_api::parse_json("the request body", body);
  if (!document) {
    return document.error();
  }
  ipam_api::Fields fields(*document, "import");
  const Json* list = fields.array("items");
  if (list == nullptr) {
    fields.fail("items", Error(Errc::invalid_argument, "is missing"));
  }
  Items items;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    items.push_back(fields.take("items", ipam_api::import_item_from((*list)[i], fmt::format("items[{}]", i))));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return items;
}

// One item a line.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool more() const { return !rest_.empty(); }
  std::size_t left() const { return rest_.size(); }

  Result<void> take_slice(Items& items) {
    for (std::size_t i = 0; i < items_a_slice && more(); ++i) {
      const auto end = rest_.find('\n');
      const std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++line_;
      if (line.find_first_not_of(" \r") == std::string_view::npos) {
        continue;
      }
      const std::string where = fmt::format("line {}", line_);
      const auto json = ipam_api::parse_json(where, line);
      if (!json) {
        return json.error();
      }
      auto item = ipam_api::import_item_from(*json, where);
      if (!item) {
        return item.error();
      }
      items.push_back(std::move(*item));
    }
    return ok();
  }

 private:
  std::string_view rest_;
  std::size_t line_ = 0;
};

// Is the first line an item of its own? A document may be one line too, with `items`.
bool is_lines(std::string_view body) {
  const auto first = ipam_api::parse_json("the first line", body.substr(0, body.find('\n')));
  return first && first->is_object() && !first->contains("items");
}

using Progress = std::function<asio::awaitable<void>(const ipam_api::ImportProgress&)>;

asio::awaitable<Result<Items>> items_of(const std::string& body, const Progress& progress) {
  if (!is_lines(body)) {
    co_return items_of_document(body);
  }
  Items items;
  Lines lines(body);
  std::size_t slices = 0;
  while (lines.more()) {
    const Result<void> taken = lines.take_slice(items);
    if (!taken) {
      co_return taken.error();
    }
    if (items.size() > ipam_api::max_import_items) {
      co_return Error(Errc::too_large, fmt::format("there are more than {} items", ipam_api::max_import_items),
                      "import parts of it");
    }
    if (++slices % 40 == 0) {
      // By bytes: how many lines there are is not known before they were read.
      ipam_api::ImportProgress so_far;
      so_far.phase = "reading";
      so_far.done = items.size();
      so_far.of = items.size() * body.size() / (body.size() - lines.left());
      co_await progress(so_far);
    }
    co_await asio::post(asio::use_awaitable);
  }
  co_return items;
}

asio::awaitable<Result<ImportReport>> run(Services& services, const Job& job, const Progress& progress) {
  Result<Items> parsed = co_await items_of(job.body, progress);
  if (!parsed) {
    co_return parsed.error();
  }
  const auto items = std::make_shared<const Items>(std::move(*parsed));
  ipam_api::ImportProgress checking;
  checking.phase = "checking";
  checking.of = items->size();
  co_await progress(checking);
  const std::function<Result<ImportReport>(Transaction&)> apply = [items, options = job.options](Transaction& tx) {
    return Result<ImportReport>(import_items(tx, *items, options));
  };
  const Start<ImportReport> start = [&](Callback<ImportReport> done) {
    services.ipam.run<ImportReport>(job.caller, apply, std::move(done));
  };
  co_return co_await when_done(start);
}

std::shared_ptr<const std::string> line_of(std::string_view type, Json json) {
  json["type"] = type;
  return std::make_shared<const std::string>(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

// The answer line by line; a reader that has left changes nothing about the import.
asio::awaitable<void> stream(Services& services, std::shared_ptr<const Job> job, http::LineSink& sink) {
  const Progress progress = [&sink](const ipam_api::ImportProgress& so_far) -> asio::awaitable<void> {
    const auto line = line_of("PROGRESS", to_json(so_far));
    const Result<void> sent = co_await sink.write(line);
    static_cast<void>(sent);
  };
  Result<ImportReport> report = co_await run(services, *job, progress);
  if (!report) {
    const auto line = line_of("PROBLEM", ipam_api::problem_from(report.error()));
    const Result<void> sent = co_await sink.write(line);
    static_cast<void>(sent);
    co_return;
  }
  for (const ipam_api::ImportFinding& finding : std::exchange(report->findings, {})) {
    const auto line = line_of("FINDING", to_json(finding));
    const Result<void> sent = co_await sink.write(line);
    if (!sent) {
      co_return;
    }
  }
  const auto line = line_of("REPORT", to_json(*report));
  const Result<void> sent = co_await sink.write(line);
  static_cast<void>(sent);
}

asio::awaitable<Answered> import_bindings(Services& services, const Call& call) {
  Result<Job> job = job_of(call);
  const Result<bool> in_lines = choice_of(call, "progress", "false", "true");
  if (!job || !in_lines) {
    co_return job ? in_lines.error() : job.error();
  }
  if (*in_lines) {
    const auto shared = std::make_shared<const Job>(std::move(*job));
    http::Stream::Run lines = [&services, shared](http::LineSink& sink) { return stream(services, shared, sink); };
    http::Stream streamed(std::move(lines));
    co_return http::Answer(std::move(streamed));
  }
  const Progress silent = [](const ipam_api::ImportProgress&) -> asio::awaitable<void> { co_return; };
  const Result<ImportReport> report = co_await run(services, *job, silent);
  if (!report) {
    co_return report.error();
  }
  co_return answered(200, to_json(*report));
}

constexpr Route routes[] = {{"POST", "/v1/bindings:import", Access::admin, &import_bindings, true}};

}  // namespace

std::span<const Route> import_routes() {
  return routes;
}

}  // namespace mooring::controller
