#include "mooring/directory/checkpoint.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace mooring::directory {
namespace {

namespace asio = boost::asio;

using Clock = std::chrono::steady_clock;

// Soon after a change; where writing takes long, so seldom that it costs 2 % of a core and of the disk.
constexpr std::chrono::seconds shortest_pause{2};
constexpr int pause_for_each_time_spent = 50;

asio::awaitable<Result<void>> save(std::string path, Image image) {
  co_return save_checkpoint(path, image);
}

}  // namespace

Checkpoint::Checkpoint(asio::any_io_executor executor, Directory& directory, std::string path)
    : directory_(directory), path_(std::move(path)), timer_(std::move(executor)) {}

bool Checkpoint::restore() {
  const auto image = load_checkpoint(path_);
  if (!image) {
    if (image.error().code() != Errc::not_found) {
      spdlog::warn("{}; the controller will send everything", image.error().text());
    }
    return false;
  }
  if (!directory_.restore(*image)) {
    spdlog::warn("{}: the digest is not that of its entries; the controller will send everything", path_);
    return false;
  }
  saved_ = directory_.revision();
  spdlog::info("{} ports known from {}, as of revision {}", directory_.port_count(), path_, saved_);
  return true;
}

asio::awaitable<void> Checkpoint::run() {
  timer_.expires_after(shortest_pause);
  for (;;) {
    boost::system::error_code cancelled;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (stopped_) {
      co_return;
    }
    timer_.expires_after(shortest_pause);
    if (directory_.revision() == saved_) {
      continue;
    }
    auto image = directory_.image();
    if (!image) {
      continue;
    }
    const Revision revision = image->revision;
    const auto began = Clock::now();
    auto saving = save(path_, std::move(*image));
    const auto saved = co_await asio::co_spawn(writer_, std::move(saving), asio::use_awaitable);
    timer_.expires_after(std::max<Clock::duration>(shortest_pause, pause_for_each_time_spent * (Clock::now() - began)));
    if (saved) {
      saved_ = revision;
      problem_.clear();
    } else if (problem_ != saved.error().text()) {
      problem_ = saved.error().text();
      spdlog::error("{}", problem_);
    }
  }
}

void Checkpoint::stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace mooring::directory
