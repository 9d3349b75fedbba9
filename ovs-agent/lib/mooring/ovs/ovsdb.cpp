#include "mooring/ovs/ovsdb.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "mooring/ovs/flow_text.hpp"
#include "mooring/ovs/ovsdb_rows.hpp"
#include "mooring/ovs/worker.hpp"

namespace mooring::ovs {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds redial_interval{100};
constexpr milliseconds idle_look{5000};
// A lost race is retried with a fresher replica, which may still be on its way.
constexpr milliseconds retry_pause{5};

struct DatabaseClose {
  void operator()(mo_db* db) const { mo_db_close(db); }
};
struct TransactionEnd {
  void operator()(mo_txn* txn) const { mo_txn_end(txn); }
};

struct Request {
  OvsdbTransaction transaction;
  Ovsdb::Committed done;
  Clock::time_point deadline;
  int refusals = 0;  // by the server, of what the replica had allowed
};

}  // namespace

class Ovsdb::Connection {
 public:
  Connection(std::string remote, Post post, Changed changed)
      : remote_(std::move(remote)),
        deliver_(std::move(post)),
        changed_(std::move(changed)),
        newest_(std::make_shared<const OvsdbState>()) {
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

  std::shared_ptr<const OvsdbState> state() const {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

  void submit(Request request) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(std::move(request));
    }
    wake_.notify();
  }

 private:
  // Committed, and vswitchd has not said yet that it applied it.
  struct Applying {
    Request request;
    std::int64_t awaited_cfg;
  };

  void run() {
    db_.reset(mo_db_open(remote_.c_str()));
    last_dial_ = Clock::now();
    while (take_inbox()) {
      mo_db_run(db_.get());
      watch_connection();
      publish();
      step();
      notice_applied();
      expire();
      wait();
    }
    txn_.reset();
    db_.reset();
  }

  bool take_inbox() {
    const std::lock_guard lock(mutex_);
    wake_.drain();
    std::move(inbox_.begin(), inbox_.end(), std::back_inserter(queue_));
    inbox_.clear();
    return !stop_;
  }

  void watch_connection() {
    const bool up = mo_db_is_connected(db_.get()) != 0;
    if (!up) {
      if (in_step_ || was_up_) {
        seqno_at_loss_ = mo_db_seqno(db_.get());
      }
      in_step_ = false;
      if (Clock::now() - last_dial_ >= redial_interval) {
        last_dial_ = Clock::now();
        mo_db_redial(db_.get());
        mo_db_run(db_.get());
      }
    } else if (!in_step_ && mo_db_seqno(db_.get()) != seqno_at_loss_) {
      in_step_ = true;  // the snapshot that follows a new session has arrived
    }
    was_up_ = up;
  }

  void publish() {
    const unsigned seqno = mo_db_seqno(db_.get());
    if (seqno == published_seqno_ && in_step_ == newest_->connected) {
      return;
    }
    // While a new session's snapshot is on its way, the last complete one is shown.
    OvsdbState next = in_step_ && seqno != published_seqno_ ? read_state(db_.get(), *newest_) : *newest_;
    if (in_step_) {
      published_seqno_ = seqno;
    }
    if (!in_step_ && !newest_->connected) {
      return;
    }
    next.connected = in_step_;
    next.seqno = newest_->seqno + 1;
    const std::lock_guard lock(mutex_);
    newest_ = std::make_shared<const OvsdbState>(std::move(next));
    if (!told_) {
      told_ = true;
      deliver_([this] { tell(); });
    }
  }

  // On the owner's thread.
  void tell() {
    std::shared_ptr<const OvsdbState> state;
    {
      const std::lock_guard lock(mutex_);
      told_ = false;
      state = newest_;
    }
    changed_(state);
  }

  void answer(Request& request, Result<void> result) {
    deliver_([done = std::move(request.done), result = std::move(result)] { done(result); });
  }

  Error problem(const Request& request, Errc code, std::string_view cause, std::string hint = {}) const {
    return Error(code, fmt::format("{} in {}: {}", request.transaction.purpose, remote_, cause), std::move(hint));
  }

  // One transaction at a time is on its way to the server, so that each sees what the one before did.
  void step() {
    while (in_step_ && !txn_ && !queue_.empty() && Clock::now() >= next_try_) {
      begin();
      if (txn_) {
        proceed();
      }
    }
    if (txn_) {
      proceed();
    }
  }

  void begin() {
    Request& request = queue_.front();
    const int wait = request.transaction.wait_for_vswitchd ? 1 : 0;
    const std::string comment = "mooring: " + request.transaction.purpose;
    txn_.reset(mo_txn_begin(db_.get(), comment.c_str(), wait));
    const Result<void> written = write_operations(txn_.get(), request.transaction.operations);
    if (!written) {
      txn_.reset();
      answer(request, problem(request, written.error().code(), written.error().message()));
      queue_.pop_front();
    }
  }

  void proceed() {
    char* raw = nullptr;
    const mo_txn_status status = mo_txn_commit(txn_.get(), &raw);
    const ShimText error(raw);
    Request& request = queue_.front();
    switch (status) {
      case MO_TXN_UNDER_WAY:
        return;
      case MO_TXN_DONE:
        committed(request, mo_txn_awaited_cfg(txn_.get()));
        queue_.pop_front();
        break;
      case MO_TXN_AGAIN:
        next_try_ = Clock::now() + retry_pause;
        break;
      case MO_TXN_FAILED:
        // Somebody else's row of the same name came first: the next look at the replica shows it.
        if (++request.refusals < 3) {
          next_try_ = Clock::now() + retry_pause;
        } else {
          answer(request, problem(request, Errc::io, error.get()));
          queue_.pop_front();
        }
        break;
    }
    txn_.reset();
  }

  void committed(Request& request, std::int64_t awaited_cfg) {
    if (awaited_cfg == 0) {
      answer(request, ok());
    } else {
      applying_.push_back({std::move(request), awaited_cfg});
    }
  }

  void notice_applied() {
    for (auto applying = applying_.begin(); applying != applying_.end();) {
      if (newest_->cur_cfg >= applying->awaited_cfg) {
        answer(applying->request, outcome(applying->request));
        applying = applying_.erase(applying);
      } else {
        ++applying;
      }
    }
  }

  // vswitchd is through: could it open what was added?
  Result<void> outcome(const Request& request) const {
    for (const OvsdbOperation& operation : request.transaction.operations) {
      const auto* added = std::get_if<AddPort>(&operation);
      if (added == nullptr) {
        continue;
      }
      const OvsInterface* interface = newest_->interface(added->bridge, added->name);
      // An error beside a port number is a state that may pass, such as a patch port's missing peer.
      if (interface != nullptr && !interface->ofport) {
        const std::string cause = interface->error.empty() ? "it got no OpenFlow port number" : interface->error;
        return problem(request, Errc::io, fmt::format("vswitchd could not add port {}: {}", added->name, cause));
      }
    }
    return ok();
  }

  void expire() {
    const auto now = Clock::now();
    for (auto request = queue_.begin(); request != queue_.end();) {
      if (request->deadline > now) {
        ++request;
        continue;
      }
      if (request == queue_.begin()) {
        txn_.reset();  // whether the server still carries it out is not known
      }
      answer(*request, in_step_ ? problem(*request, Errc::timeout, "the database did not answer in time")
                                : problem(*request, Errc::unavailable, "no connection to the database",
                                          "ovsdb-server is not running: systemctl start openvswitch-switch"));
      request = queue_.erase(request);
    }
    for (auto applying = applying_.begin(); applying != applying_.end();) {
      if (applying->request.deadline > now) {
        ++applying;
        continue;
      }
      answer(applying->request,
             problem(applying->request, Errc::timeout, "ovs-vswitchd did not apply it in time",
                     "it hangs or is not running; the transaction is committed and will be applied when it is back"));
      applying = applying_.erase(applying);
    }
  }

  void wait() {
    const auto now = Clock::now();
    auto until = now + idle_look;
    if (!in_step_ && !was_up_) {
      until = std::min(until, last_dial_ + redial_interval);
    }
    if (in_step_ && !txn_ && !queue_.empty()) {
      until = std::min(until, next_try_);
    }
    for (const Request& request : queue_) {
      until = std::min(until, request.deadline);
    }
    for (const Applying& applying : applying_) {
      until = std::min(until, applying.request.deadline);
    }
    mo_db_wait(db_.get());
    if (txn_) {
      mo_txn_wait(txn_.get());
    }
    mo_wake_on_fd(wake_.descriptor());
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    mo_wake_in(std::max<long long>(left, 0));
    mo_block();
  }

  const std::string remote_;
  Delivery deliver_;
  const Changed changed_;
  WakeUp wake_;

  mutable std::mutex mutex_;
  std::deque<Request> inbox_;
  // Written by the thread alone, under the mutex; read by the thread without it.
  std::shared_ptr<const OvsdbState> newest_;
  bool told_ = false;  // a delivery is on its way
  bool stop_ = false;

  // The thread's own.
  std::unique_ptr<mo_db, DatabaseClose> db_;
  std::unique_ptr<mo_txn, TransactionEnd> txn_;  // of queue_.front()
  std::deque<Request> queue_;
  std::list<Applying> applying_;
  Clock::time_point last_dial_{}, next_try_{};
  unsigned seqno_at_loss_ = 0, published_seqno_ = 0;
  bool was_up_ = false;
  bool in_step_ = false;  // connected, and the replica is complete

  std::thread thread_;
};

Ovsdb::Ovsdb(std::string remote, Post post, Changed changed)
    : connection_(std::make_unique<Connection>(std::move(remote), std::move(post), std::move(changed))) {}

Ovsdb::~Ovsdb() = default;

std::shared_ptr<const OvsdbState> Ovsdb::state() const {
  return connection_->state();
}

void Ovsdb::commit(OvsdbTransaction transaction, Committed done) {
  const auto deadline = Clock::now() + transaction.deadline;
  connection_->submit(Request{std::move(transaction), std::move(done), deadline});
}

}  // namespace mooring::ovs
