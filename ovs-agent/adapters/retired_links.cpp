#include "ovs-agent/adapters/retired_links.hpp"

#include <chrono>
#include <pthread.h>
#include <signal.h>

#include <spdlog/spdlog.h>

#include "mooring/agent_api/retired_link.hpp"
#include "mooring/netlink/socket.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds time_to_gather{200};

// Signals are the main thread's.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void delete_all() {
  auto socket = netlink::NetlinkSocket::open();
  const auto deleted = socket ? socket->delete_link_group(agent_api::retired_link_group) : Result<void>(socket.error());
  if (!deleted && deleted.error().code() != Errc::not_found) {
    spdlog::warn("links of deleted containers stay for now: {}", deleted.error().text());
  }
}

}  // namespace

RetiredLinks::RetiredLinks() : thread_([this] { run(); }) {}

RetiredLinks::~RetiredLinks() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void RetiredLinks::sweep() {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  changed_.notify_one();
}

void RetiredLinks::run() {
  block_signals();
  std::unique_lock lock(mutex_);
  while (!ending_) {
    changed_.wait(lock, [this] { return asked_ || ending_; });
    changed_.wait_for(lock, time_to_gather, [this] { return ending_; });
    asked_ = false;
    lock.unlock();
    delete_all();
    lock.lock();
  }
}

}  // namespace mooring::agent
