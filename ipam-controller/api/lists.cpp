// /v1/lists, and GET /v1/lists/NAME/feed: what is on a list, at once or as soon as it is something else.
#include <charconv>

#include "ipam-controller/api/feed_hub.hpp"
#include "ipam-controller/api/objects.hpp"

namespace mooring::controller {
namespace {

constexpr std::uint64_t max_wait_seconds = 60;

struct Lists : NamedKind<AddressList> {
  static constexpr std::string_view collection = "lists";
  static std::vector<std::string_view> filters() { return {"network"}; }
  static Result<AddressList> read(const Json& json) { return address_list_from(json); }
  static const AddressList* find(const State& state, const std::string& name) { return state.list(name); }
  static std::vector<const AddressList*> all(const State& state) { return pointers_to(state.lists()); }
  static bool fits(const State&, const AddressList& list, const Filters& filters) {
    return filters.network_fits(list.network);
  }
  static Json view(const State&, const AddressList& list) { return to_json(list); }
};

// The entity tags of If-None-Match, without quotes (RFC 9110, 13.1.2: W/ means nothing here). `*` is none of ours.
std::vector<std::string> known_tags(std::string_view header) {
  std::vector<std::string> tags;
  while (!header.empty()) {
    const auto comma = header.find(',');
    std::string_view tag = header.substr(0, comma);
    header = comma == header.npos ? std::string_view() : header.substr(comma + 1);
    while (!tag.empty() && (tag.front() == ' ' || tag.front() == '\t')) {
      tag.remove_prefix(1);
    }
    while (!tag.empty() && (tag.back() == ' ' || tag.back() == '\t')) {
      tag.remove_suffix(1);
    }
    if (tag.starts_with("W/")) {
      tag.remove_prefix(2);
    }
    if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') {
      tags.emplace_back(tag.substr(1, tag.size() - 2));
    }
  }
  return tags;
}

Result<std::chrono::seconds> wait_of(const Call& call) {
  const std::string_view text = call.request.parameter("wait_seconds");
  std::uint64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && (failure != std::errc() || end != text.data() + text.size() || seconds > max_wait_seconds)) {
    return Error(Errc::invalid_argument,
                 fmt::format("wait_seconds is '{}', expected a number up to {}", text, max_wait_seconds));
  }
  return std::chrono::seconds(seconds);
}

Result<FeedQuestion> question_of(const Call& call) {
  const auto name = ipam_api::parse_name("name", call.parameters[0]);
  const auto known = only_parameters(call, {"format", "table", "wait_seconds"});
  const auto form = parse_feed_form(call.request.parameter("format"), call.request.parameter("table"));
  const auto wait = wait_of(call);
  if (!name || !known || !form || !wait) {
    return !name ? name.error() : !known ? known.error() : !form ? form.error() : wait.error();
  }
  FeedQuestion question;
  question.list = *name;
  question.form = *form;
  question.known = known_tags(call.request.header("if-none-match"));
  question.wait = *wait;
  return question;
}

asio::awaitable<Answered> feed(Services& services, const Call& call) {
  const Result<FeedQuestion> question = question_of(call);
  if (!question) {
    co_return question.error();
  }
  const Result<FeedAnswer> answer = co_await services.feeds.ask(*question);
  if (!answer) {
    co_return answer.error();
  }
  constexpr int not_modified = 304;
  http::Response response(answer->body ? 200 : not_modified,
                          answer->body ? std::string(content_type_of(question->form)) : std::string(),
                          answer->body ? *answer->body : std::string());
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", answer->etag));
  response.headers.emplace_back("Cache-Control", "no-cache");  // whoever keeps it asks whether it still holds
  co_return http::Answer(std::move(response));
}

constexpr Route routes[] = {
    MOORING_OBJECT_ROUTES("lists", Lists),
    {"GET", "/v1/lists/{name}/feed", Access::feed, &feed},
};

}  // namespace

std::span<const Route> list_routes() {
  return routes;
}

}  // namespace mooring::controller
