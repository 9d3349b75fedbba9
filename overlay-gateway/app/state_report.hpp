// Tells the controller what this gateway does with traffic (POST /v1/gateways/NAME:report), for those who look there:
// at every change, within a quarter of a second; every ten seconds, since a controller forgets it with its process. A
// controller of an earlier version knows no such report and is asked again once a minute.
//
// Threading: one thread, that of the executor. stop(), then run the executor until it is out of work.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/http/client.hpp"

namespace mooring::gateway {

class StateReport {
 public:
  // `state`: what is told (domain/presence.hpp); called often.
  StateReport(boost::asio::any_io_executor executor, std::string gateway, http::Endpoint controller, std::string token,
              std::function<std::string_view()> state);

  // Until stop().
  boost::asio::awaitable<void> run();
  void stop();
  // The controller has just been reached: it may know nothing.
  void again();

 private:
  using Clock = std::chrono::steady_clock;
  boost::asio::awaitable<void> tell();

  std::string gateway_;
  http::Client client_;
  boost::asio::steady_timer timer_;
  std::function<std::string_view()> state_;
  std::string told_;
  Clock::time_point told_at_{};
  Clock::time_point not_before_{};
  bool stopped_ = false;
};

}  // namespace mooring::gateway
