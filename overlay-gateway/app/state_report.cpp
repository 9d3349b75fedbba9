#include "overlay-gateway/app/state_report.hpp"

#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::gateway {
namespace {

constexpr std::chrono::milliseconds looked_every{250};
constexpr std::chrono::seconds told_every{10}, told_within{5}, after_failure{2}, after_refusal{60};

}  // namespace

StateReport::StateReport(boost::asio::any_io_executor executor, std::string gateway, http::Endpoint controller,
                         std::string token, std::function<std::string_view()> state)
    : gateway_(std::move(gateway)),
      client_(executor, std::move(controller), http::ClientOptions{.token = token, .connections = 1}),
      timer_(executor),
      state_(std::move(state)) {}

void StateReport::stop() {
  stopped_ = true;
  timer_.cancel();
}

void StateReport::again() {
  told_.clear();
  not_before_ = {};
}

boost::asio::awaitable<void> StateReport::run() {
  constexpr boost::asio::as_tuple_t<boost::asio::use_awaitable_t<>> as_result{};
  while (!stopped_) {
    co_await tell();
    timer_.expires_after(looked_every);
    const std::tuple<boost::system::error_code> waited = co_await timer_.async_wait(as_result);
    static_cast<void>(waited);
  }
}

boost::asio::awaitable<void> StateReport::tell() {
  const Clock::time_point now = Clock::now();
  const std::string state(state_());
  if (now < not_before_ || (state == told_ && now < told_at_ + told_every)) {
    co_return;
  }
  ipam_api::Json report = ipam_api::Json::object();
  report["state"] = state;
  std::string method = "POST";
  std::string target = "/v1/gateways/" + gateway_ + ":report";
  std::string body = report.dump();
  const http::Deadline deadline = http::after(told_within);
  const Result<http::Response> answer =
      co_await client_.request(std::move(method), std::move(target), std::move(body), deadline);
  if (answer && answer->ok()) {
    told_ = state;
    told_at_ = now;
  } else {
    // Why it is away is told elsewhere.
    const bool refused = answer && answer->status >= 400 && answer->status < 500;
    not_before_ = Clock::now() + (refused ? after_refusal : after_failure);
  }
}

}  // namespace mooring::gateway
