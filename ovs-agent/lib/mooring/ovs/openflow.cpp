#include "mooring/ovs/openflow.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "mooring/ovs/openflow_exchange.hpp"
#include "mooring/ovs/shim/openflow.h"
#include "mooring/ovs/worker.hpp"

namespace mooring::ovs {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds shortest_redial{20};
constexpr milliseconds longest_redial{200};
constexpr milliseconds hello_deadline{5000};
// A switch that says nothing is asked for a barrier; one that hangs is noticed within twice this time.
constexpr milliseconds probe_interval{5000};

struct ConnectionClose {
  void operator()(mo_of* of) const { mo_of_close(of); }
};

}  // namespace

class OpenFlow::Connection {
 public:
  Connection(std::string target, Post post, Callbacks callbacks)
      : target_(std::move(target)), deliver_(std::move(post)), callbacks_(std::move(callbacks)) {
    thread_ = std::thread([this] { run(); });
  }

  ~Connection() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify();
    thread_.join();
  }

  void submit(OpenFlowRequest request) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(std::move(request));
    }
    wake_.notify();
  }

  void refuse(OpenFlowRequest request, const Error& error) { fail(request, error); }

  void after(Clock::time_point when, std::function<void()> f) {
    {
      const std::lock_guard lock(mutex_);
      timers_.emplace(when, std::move(f));
    }
    wake_.notify();
  }

 private:
  void run() {
    while (take_inbox()) {
      fire_timers();
      expire();
      if (!of_ && Clock::now() >= next_dial_) {
        dial();
      }
      if (of_) {
        converse();
      }
      wait();
    }
    of_.reset();
  }

  bool take_inbox() {
    const std::lock_guard lock(mutex_);
    wake_.drain();
    std::move(inbox_.begin(), inbox_.end(), std::back_inserter(queue_));
    inbox_.clear();
    return !stop_;
  }

  void fire_timers() {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    while (!timers_.empty() && timers_.begin()->first <= now) {
      deliver_(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
  }

  void expire() {
    const auto now = Clock::now();
    // Unconnected, nothing may wait: the owner reads back after `connected` anyway.
    while (!queue_.empty() && !ready_) {
      fail(queue_.front(), Error(Errc::unavailable, fmt::format("talking OpenFlow to {}: not connected", target_),
                                 "ovs-vswitchd is not running, or the bridge is not there yet"));
      queue_.pop_front();
    }
    for (auto request = queue_.begin(); request != queue_.end();) {
      if (request->deadline <= now) {
        fail(*request, late());
        request = queue_.erase(request);
      } else {
        ++request;
      }
    }
    if (exchange_ && exchange_->deadline() <= now) {
      drop(late());
    } else if (of_ && !ready_ && now - dialled_ > hello_deadline) {
      drop(late());
    } else if (ready_ && probe_xid_ != 0 && now - heard_ > 2 * probe_interval) {
      drop(late());
    }
  }

  Error late() const {
    return Error(Errc::timeout, fmt::format("talking OpenFlow to {}: the switch did not answer in time", target_),
                 "ovs-vswitchd may hang or be overloaded: see its log and ovs-appctl -t ovs-vswitchd coverage/show");
  }

  void fail(OpenFlowRequest& request, const Error& error) { deliver_(failure_of(std::move(request), error)); }

  void dial() {
    int error = 0;
    of_.reset(mo_of_open(target_.c_str(), &error));
    dialled_ = Clock::now();
    if (!of_) {
      redial_later();
    }
  }

  void redial_later() {
    next_dial_ = Clock::now() + redial_;
    redial_ = std::min(redial_ * 2, longest_redial);
  }

  void drop(const Error& why) {
    of_.reset();
    probe_xid_ = 0;
    if (exchange_) {
      deliver_(exchange_->fail(why));
      exchange_.reset();
    }
    while (!queue_.empty()) {
      fail(queue_.front(), why);
      queue_.pop_front();
    }
    if (ready_) {
      ready_ = false;
      deliver_([this, why] { callbacks_.disconnected(why); });
    }
    redial_later();
  }

  void converse() {
    int error = mo_of_run(of_.get());
    if (!error && !ready_ && mo_of_connected(of_.get())) {
      ready_ = true;
      heard_ = Clock::now();
      redial_ = shortest_redial;
      deliver_([this] { callbacks_.connected(); });
    }
    for (;;) {
      mo_message message;
      mo_of_receive(of_.get(), &message);
      if (message.kind == MO_NOTHING) {
        break;
      }
      heard_ = Clock::now();
      probe_xid_ = 0;
      if (exchange_) {
        if (auto answer = exchange_->on_message(message)) {
          deliver_(std::move(*answer));
          exchange_.reset();
        }
      }
      mo_message_clear(&message);
    }
    if (ready_ && !exchange_ && !queue_.empty()) {
      begin();
    }
    if (ready_ && !exchange_ && probe_xid_ == 0 && Clock::now() - heard_ > probe_interval) {
      probe_xid_ = mo_of_barrier(of_.get());
    }
    error = mo_of_run(of_.get());
    if (error) {
      drop(Error(Errc::unavailable, fmt::format("talking OpenFlow to {}: {}", target_, std::strerror(error))));
    }
  }

  void begin() {
    exchange_.emplace(std::move(queue_.front()), of_.get(), ++last_bundle_, target_);
    queue_.pop_front();
  }

  void wait() {
    const auto now = Clock::now();
    auto until = now + probe_interval;
    if (!of_) {
      until = std::min(until, next_dial_);
    } else if (!ready_) {
      until = std::min(until, dialled_ + hello_deadline);
    }
    if (exchange_) {
      until = std::min(until, exchange_->deadline());
    } else if (ready_ && !queue_.empty()) {
      until = now;
    }
    for (const OpenFlowRequest& request : queue_) {
      until = std::min(until, request.deadline);
    }
    {
      const std::lock_guard lock(mutex_);
      if (!timers_.empty()) {
        until = std::min(until, timers_.begin()->first);
      }
    }
    if (of_) {
      mo_of_wait(of_.get());
    }
    mo_wake_on_fd(wake_.descriptor());
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    mo_wake_in(std::max<long long>(left, 0));
    mo_block();
  }

  const std::string target_;
  Delivery deliver_;
  const Callbacks callbacks_;
  WakeUp wake_;

  std::mutex mutex_;
  std::deque<OpenFlowRequest> inbox_;
  std::multimap<Clock::time_point, std::function<void()>> timers_;
  bool stop_ = false;

  // The thread's own.
  std::unique_ptr<mo_of, ConnectionClose> of_;
  std::deque<OpenFlowRequest> queue_;
  std::optional<OpenFlowExchange> exchange_;
  Clock::time_point next_dial_{}, dialled_{}, heard_{};
  milliseconds redial_ = shortest_redial;
  std::uint32_t last_bundle_ = 0, probe_xid_ = 0;
  bool ready_ = false;  // hello exchanged, owner told

  std::thread thread_;
};

OpenFlow::OpenFlow(std::string target, Post post, Callbacks callbacks)
    : connection_(std::make_unique<Connection>(std::move(target), std::move(post), std::move(callbacks))) {}

OpenFlow::~OpenFlow() = default;

void OpenFlow::apply(std::vector<MeterChange> meters, std::vector<FlowChange> flows, std::chrono::milliseconds deadline,
                     Applied done) {
  const bool too_many = meters.size() > max_bundle || flows.size() > max_together;
  const std::string what = fmt::format("programming {} flows and {} meters at once", flows.size(), meters.size());
  OpenFlowRequest request{ApplyRequest{std::move(meters), std::move(flows), std::move(done)}, Clock::now() + deadline};
  if (too_many) {
    connection_->refuse(std::move(request),
                        Error(Errc::too_large, fmt::format("{}: at most {} flows and {} meters are allowed", what,
                                                           max_together, max_bundle)));
    return;
  }
  connection_->submit(std::move(request));
}

void OpenFlow::dump(std::chrono::milliseconds deadline, Dumped done) {
  connection_->submit(OpenFlowRequest{DumpRequest{std::move(done)}, Clock::now() + deadline});
}

void OpenFlow::dump_meters(std::chrono::milliseconds deadline, MetersDumped done) {
  connection_->submit(OpenFlowRequest{DumpMetersRequest{std::move(done)}, Clock::now() + deadline});
}

void OpenFlow::apply_groups(std::vector<GroupChange> groups, std::chrono::milliseconds deadline, GroupsApplied done) {
  connection_->submit(OpenFlowRequest{GroupsRequest{std::move(groups), std::move(done)}, Clock::now() + deadline});
}

void OpenFlow::dump_groups(std::chrono::milliseconds deadline, GroupsDumped done) {
  connection_->submit(OpenFlowRequest{DumpGroupsRequest{std::move(done)}, Clock::now() + deadline});
}

void OpenFlow::after(std::chrono::milliseconds delay, std::function<void()> f) {
  connection_->after(Clock::now() + delay, std::move(f));
}

}  // namespace mooring::ovs
