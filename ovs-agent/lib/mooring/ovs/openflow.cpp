#include "mooring/ovs/openflow.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <variant>

#include <fmt/format.h>

#include "mooring/ovs/flow_text.hpp"
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

struct Apply {
  std::vector<FlowChange> changes;
  FlowChannel::Applied done;
};
struct Dump {
  FlowChannel::Dumped done;
  std::vector<FlowEntry> flows;
};
struct Request {
  std::variant<Apply, Dump> what;
  Clock::time_point deadline;
};

// The text that asks for `change`; a deletion is told apart by table, priority and match alone.
std::string wire_text(const FlowChange& change) {
  return change.kind == FlowChange::Kind::add ? change.flow.str() : change.flow.key.str();
}

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

  void submit(Request request) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(std::move(request));
    }
    wake_.notify();
  }

  void after(Clock::time_point when, std::function<void()> f) {
    {
      const std::lock_guard lock(mutex_);
      timers_.emplace(when, std::move(f));
    }
    wake_.notify();
  }

 private:
  // What is under way on the wire.
  struct Exchange {
    Request request;
    std::uint32_t bundle = 0, open_xid = 0, commit_xid = 0, barrier_xid = 0, dump_xid = 0;
    std::unordered_map<std::uint32_t, std::size_t> index_by_xid;  // of the flows in the bundle
    std::map<std::size_t, std::string> refused;                   // by index
    std::string failure;                                          // of the bundle as a whole
    bool adding = true;                                           // else committing or discarding
  };

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
    if (exchange_ && exchange_->request.deadline <= now) {
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

  static void fail(Delivery& deliver, Request& request, const Error& error) {
    if (auto* apply = std::get_if<Apply>(&request.what)) {
      deliver([done = std::move(apply->done), error] { done(ApplyOutcome{error, {}}); });
    } else if (auto* dump = std::get_if<Dump>(&request.what)) {
      deliver([done = std::move(dump->done), error] { done(error); });
    }
  }
  void fail(Request& request, const Error& error) { fail(deliver_, request, error); }

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
      fail(exchange_->request, why);
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
      on_message(message);
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
    exchange_.emplace();
    exchange_->request = std::move(queue_.front());
    queue_.pop_front();
    if (const auto* apply = std::get_if<Apply>(&exchange_->request.what)) {
      begin_bundle(*apply);
    } else {
      exchange_->dump_xid = mo_of_dump_flows(of_.get());
    }
  }

  void begin_bundle(const Apply& apply) {
    Exchange& x = *exchange_;
    x.bundle = ++last_bundle_;
    x.open_xid = mo_of_bundle(of_.get(), MO_BUNDLE_OPEN, x.bundle);
    for (std::size_t i = 0; i < apply.changes.size(); ++i) {
      const FlowChange& change = apply.changes[i];
      std::uint32_t xid = 0;
      const int remove = change.kind == FlowChange::Kind::remove ? 1 : 0;
      if (const ShimText error{mo_of_bundle_flow(of_.get(), x.bundle, remove, wire_text(change).c_str(), &xid)}) {
        x.refused.emplace(i, error.get());
      } else {
        x.index_by_xid.emplace(xid, i);
      }
    }
    // A refused message is merely not in the bundle, which would then commit without it: all answers are awaited first.
    x.barrier_xid = mo_of_barrier(of_.get());
  }

  void on_message(mo_message& message) {
    if (!exchange_) {
      return;
    }
    Exchange& x = *exchange_;
    switch (message.kind) {
      case MO_ERROR:
        on_error(x, message);
        break;
      case MO_BARRIER_REPLY:
        if (message.xid == x.barrier_xid) {
          x.adding ? commit(x) : finish_bundle(x);
        }
        break;
      case MO_FLOWS:
        if (message.xid == x.dump_xid) {
          collect(x, message);
        }
        break;
      case MO_BUNDLE_REPLY:
      case MO_NOTHING:
        break;
    }
  }

  void on_error(Exchange& x, const mo_message& message) {
    if (const auto flow = x.index_by_xid.find(message.xid); flow != x.index_by_xid.end()) {
      x.refused.emplace(flow->second, message.error);
    } else if (message.xid == x.open_xid || message.xid == x.commit_xid) {
      x.failure = message.error;
    } else if (message.xid == x.dump_xid && x.dump_xid != 0) {
      fail(x.request, Error(Errc::internal, fmt::format("reading the flows of {}: {}", target_, message.error)));
      exchange_.reset();
    }
  }

  void commit(Exchange& x) {
    x.adding = false;
    const bool good = x.refused.empty() && x.failure.empty();
    x.commit_xid = mo_of_bundle(of_.get(), good ? MO_BUNDLE_COMMIT : MO_BUNDLE_DISCARD, x.bundle);
    x.barrier_xid = mo_of_barrier(of_.get());
  }

  void finish_bundle(Exchange& x) {
    auto& apply = std::get<Apply>(x.request.what);
    ApplyOutcome outcome;
    if (!x.refused.empty()) {
      const auto& [index, reason] = *x.refused.begin();
      outcome.result =
          Error(Errc::internal, fmt::format("programming {} flows at {}: the switch refused \"{}\": {}",
                                            apply.changes.size(), target_, apply.changes[index].flow.str(), reason));
      for (const auto& [i, ignored] : x.refused) {
        outcome.refused.push_back(i);
      }
    } else if (!x.failure.empty()) {
      outcome.result =
          Error(Errc::internal, fmt::format("programming {} flows at {}: the switch refused the bundle: {}",
                                            apply.changes.size(), target_, x.failure));
    }
    deliver_([done = std::move(apply.done), outcome = std::move(outcome)] { done(outcome); });
    exchange_.reset();
  }

  void collect(Exchange& x, const mo_message& message) {
    auto& dump = std::get<Dump>(x.request.what);
    for (std::size_t i = 0; i < message.n_flows; ++i) {
      const mo_flow& raw = message.flows[i];
      dump.flows.push_back({flow_from(raw), raw.packets, raw.bytes, raw.duration_seconds});
    }
    if (message.error != nullptr) {
      fail(x.request, Error(Errc::internal, fmt::format("reading the flows of {}: {}", target_, message.error)));
      exchange_.reset();
    } else if (!message.more) {
      deliver_([done = std::move(dump.done), flows = std::move(dump.flows)] { done(flows); });
      exchange_.reset();
    }
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
      until = std::min(until, exchange_->request.deadline);
    } else if (ready_ && !queue_.empty()) {
      until = now;
    }
    for (const Request& request : queue_) {
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
  std::deque<Request> inbox_;
  std::multimap<Clock::time_point, std::function<void()>> timers_;
  bool stop_ = false;

  // The thread's own.
  std::unique_ptr<mo_of, ConnectionClose> of_;
  std::deque<Request> queue_;
  std::optional<Exchange> exchange_;
  Clock::time_point next_dial_{}, dialled_{}, heard_{};
  milliseconds redial_ = shortest_redial;
  std::uint32_t last_bundle_ = 0, probe_xid_ = 0;
  bool ready_ = false;  // hello exchanged, owner told

  std::thread thread_;
};

OpenFlow::OpenFlow(std::string target, Post post, Callbacks callbacks)
    : connection_(std::make_unique<Connection>(std::move(target), std::move(post), std::move(callbacks))) {}

OpenFlow::~OpenFlow() = default;

void OpenFlow::apply(std::vector<FlowChange> changes, std::chrono::milliseconds deadline, Applied done) {
  connection_->submit(Request{Apply{std::move(changes), std::move(done)}, Clock::now() + deadline});
}

void OpenFlow::dump(std::chrono::milliseconds deadline, Dumped done) {
  connection_->submit(Request{Dump{std::move(done), {}}, Clock::now() + deadline});
}

void OpenFlow::after(std::chrono::milliseconds delay, std::function<void()> f) {
  connection_->after(Clock::now() + delay, std::move(f));
}

}  // namespace mooring::ovs
