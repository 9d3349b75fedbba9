// The use cases of the controller: one state machine on one thread, with group commit.
//
// A call is queued. When no batch is under way, everything in the queue is applied to the state in memory, each
// changing request with a revision of its own, and handed to the store as one batch; requests that come meanwhile form
// the next batch. When the batch is durable, its changes are published and its requests answered; when it could not be
// made durable, it is undone and each of its requests is answered with Errc::storage. So an answer is never ahead of
// the disk, and many requests share one fsync.
//
// Threading: every function, callback and subscriber runs on the one thread that Post leads to; callbacks never inside
// the call that they belong to. Callbacks may call back in. Callbacks still due when it is destroyed are dropped.
// Errors: those of docs/reference/errors.md, with names, numbers and the way out.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/app/caller.hpp"
#include "ipam-controller/app/clock.hpp"
#include "ipam-controller/app/observer.hpp"
#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/app/release_brake.hpp"
#include "ipam-controller/app/requests.hpp"
#include "ipam-controller/app/transaction.hpp"
#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

class Refusals;

// What a request may do that others may not.
struct Door {
  bool while_restoring = false;
  bool ends_restoring = false;
  Revision above = 0;  // its revision is higher
};
// What is no change of an object: events, how far webhooks have come.
constexpr Door even_while_restoring{true, false, 0};

class Ipam {
 public:
  struct Counters {
    std::uint64_t requests = 0;        // of every kind, reads excepted
    std::uint64_t refused = 0;         // answered with an error other than storage
    std::uint64_t batches = 0;         // committed
    std::uint64_t failed_batches = 0;  // could not be made durable, undone
    std::uint64_t largest_batch = 0;   // requests
  };

  // `store` must outlive this.
  Ipam(Store& store, Post post, Clock clock = steady_wall_clock());
  ~Ipam();
  Ipam(const Ipam&) = delete;
  Ipam& operator=(const Ipam&) = delete;

  // Loads the state. Once, before anything else; blocks (150,000 bindings: < 2 s).
  Result<void> start();

  // Every change has a caller: who, why, whether it is only tried (then the answer is what it would be), and which
  // revision of the object it is meant for.

  // --- what nodes and gateways call -------------------------------------------------------------------------------
  void allocate(Caller caller, ipam_api::AllocateRequest request, Callback<ipam_api::Allocation> done);
  void confirm(Caller caller, ipam_api::ConfirmRequest request, Callback<void> done);
  void release(Caller caller, ipam_api::ReleaseRequest request, Callback<ipam_api::ReleaseAnswer> done);
  void register_node(Caller caller, std::string name, ipam_api::Registration registration,
                     Callback<ipam_api::RegistrationAnswer> done);
  void register_gateway(Caller caller, std::string name, ipam_api::Registration registration,
                        Callback<ipam_api::RegistrationAnswer> done);
  void lease_block(Caller caller, LeaseRequest request, Callback<Block> done);
  void return_block(Caller caller, std::string id, bool reported, Callback<void> done);

  // --- what admins call ------------------------------------------------------------------------------------------
  // T: Network, Subnet, Pool, Reservation, Rule, Vip, Webhook, AddressList, AccessRule, ExtraAddress.
  template <class T>
  void create(Caller caller, T wanted, Callback<T> done);
  // Creates, or changes what is there.
  template <class T>
  void put(Caller caller, T wanted, Callback<Stored<T>> done);
  // Errc::in_use, with the dependants named, while something needs it.
  template <class T>
  void remove(Caller caller, typename T::Key key, Callback<void> done);

  void create_binding(Caller caller, NewBinding binding, Callback<Binding> done);
  void change_binding(Caller caller, BindingKey owner, BindingChange change, Callback<Binding> done);
  // With a live port only if `force`; the port then keeps the address until it is released.
  void delete_binding(Caller caller, BindingKey owner, bool force, Callback<void> done);
  // Ends the bindings of that owner that were to live as long as it; how many.
  void delete_workload(Caller caller, std::string namespace_name, std::string workload, Callback<std::uint64_t> done);
  // A forced release: the container keeps running without a network.
  void delete_port(Caller caller, std::string id, Callback<void> done);
  // With live ports only if `force`: they are released in the same transaction.
  void delete_node(Caller caller, std::string name, bool force, Callback<void> done);
  // Deletes it so that its machine cannot come back unasked (architecture.md, "Release needs evidence").
  void fence_node(Caller caller, std::string name, Callback<void> done);
  void unfence_node(Caller caller, std::string name, Callback<void> done);
  // What the brake holds of that node may go; how many ports that are.
  void let_held_go(std::string node, Callback<std::uint64_t> done);
  void delete_gateway(Caller caller, std::string name, Callback<void> done);
  void move_extra_address(Caller caller, MoveRequest request, Callback<ExtraAddress> done);

  // Anything else that changes the state: several steps as one transaction, whole or not at all.
  template <class T>
  void run(Caller caller, std::function<Result<T>(Transaction&)> apply, Callback<T> done, Door door = Door()) {
    enqueue<T>(std::move(caller), std::move(apply), std::move(done), door);
  }

  // --- a store made from a backup --------------------------------------------------------------------------------
  // It only reads: changes are answered with `refusal` (Errc::unavailable), registrations and events excepted, and
  // nothing ends by itself. docs/storage.md, "Backup and restore".
  bool restoring() const { return refusal_.has_value(); }
  const std::optional<Error>& refusal() const { return refusal_; }
  // What is missing, for those who ask meanwhile.
  void explain_restoring(Error refusal);
  // Writes what `apply` does at a revision higher than `above`, and with it that the store is not restoring any more.
  // Not in the change log: whoever knew the store before needs a snapshot.
  template <class T>
  void finish_restoring(Caller caller, Revision above, std::function<Result<T>(Transaction&)> apply, Callback<T> done) {
    enqueue<T>(std::move(caller), std::move(apply), std::move(done), Door{true, true, above});
  }

  // Does what is due by now: cool-downs and bindings that end. Every batch does it too; call this once a second or so,
  // for the times when nothing else happens.
  void tick();
  TimeMs now() const;

  // --- reads -----------------------------------------------------------------------------------------------------
  // Calls `reader` with the state as of committed_revision(): never with something that may still be undone. Waits for
  // the batch under way, at most. Look, copy what you need, return; do not keep references.
  void read(std::function<void(const State& state, Revision revision)> reader);

  // --- for metrics and events ------------------------------------------------------------------------------------
  // One observer; it must outlive this.
  void observe(IpamObserver& observer) { observer_ = &observer; }

  // --- for the watch streams -------------------------------------------------------------------------------------
  // Called after each commit, once for each revision that changed the directory, in order, before the request is
  // answered. One subscriber.
  void subscribe(std::function<void(const ChangeSet& changes)> subscriber);
  // Called after each commit, when its requests are answered, with what was there before each of its rows; `state` is
  // as of that commit. Followers must not call back in but by read() and run().
  using RowFollower = std::function<void(const std::vector<Write>& before, const State& state)>;
  void follow_rows(RowFollower follower) { row_followers_.push_back(std::move(follower)); }
  // Everything up to here is durable and published.
  Revision committed_revision() const { return committed_; }
  const std::string& incarnation() const { return incarnation_; }
  // From the change log: revisions after `after`, up to what is committed at the time of this call, so that what the
  // subscriber hears from now on goes on where this ends. About `limit` changes a page.
  void changes_since(Revision after, std::size_t limit, Callback<ChangeLogPage> done);
  // (A snapshot is a read: state.shards(), state.snapshot(shard).)

  // A copy of the store as one file `path`, while everything goes on.
  void backup(std::string path, Progress progress, Callback<BackupCopy> done);

  const ReleaseBrake& brake() const { return brake_; }
  const Counters& counters() const { return counters_; }

  // --- the audit ledger ------------------------------------------------------------------------------------------
  AuditLedger& ledger() { return store_.ledger(); }
  AuditHead audit_head() const { return store_.ledger().head(); }
  // Pods that did not get an address lately, and why (app/refusals.hpp).
  const Refusals& refusals() const { return *refusals_; }

 private:
  struct Request;
  template <class T>
  struct TypedRequest;
  struct Flight;

  template <class T>
  void enqueue(Caller caller, std::function<Result<T>(Transaction&)> apply, Callback<T> done, Door door = Door());
  void apply(Request& request, Batch& batch);
  void expire_due(Batch& batch);
  void schedule();
  void drain_in(int rounds);
  void drain();
  void landed(Result<void> outcome);
  void count_batch(bool durable);
  void tell_observer(const Flight& flight);
  void run_reads();
  void tell_held(const std::string& node);

  Store& store_;
  Post post_;
  Clock clock_;
  TimeMs behind_ = 0;  // how far the clock is behind what the store has seen
  TimeMs newest_ = 0;  // of a batch: time never steps back
  State state_;
  std::string incarnation_;
  std::optional<Error> refusal_;  // while restoring
  Revision last_ = 0;             // given to a request
  Revision committed_ = 0;        // durable
  bool scheduled_ = false;
  std::deque<std::unique_ptr<Request>> queue_;
  std::unique_ptr<Flight> flight_;  // the batch at the store
  std::deque<std::function<void(const State&, Revision)>> readers_;
  std::function<void(const ChangeSet&)> subscriber_;
  std::vector<RowFollower> row_followers_;
  IpamObserver* observer_ = nullptr;
  EventSequence last_event_ = 0;  // given to an event
  Counters counters_;
  ReleaseBrake brake_;
  std::unique_ptr<Refusals> refusals_;
  std::shared_ptr<Ipam*> self_;  // callbacks hold it weakly, so that none runs into a destroyed object
};

// A call that waits for its batch, and for the batch to become durable.
struct Ipam::Request {
  Request(Caller who, Door through) : caller(std::move(who)), door(through) {}
  virtual ~Request() = default;
  virtual void refuse(const Error& error) = 0;
  // Keeps the result for `answer`; undoes the transaction itself if it is an error.
  virtual void apply(Transaction& tx) = 0;
  virtual bool refused() const = 0;
  // `durable`: an error takes the place of the result.
  virtual void answer(const Result<void>& durable) = 0;

  Caller caller;
  Door door;
};

template <class T>
struct Ipam::TypedRequest : Ipam::Request {
  TypedRequest(Caller who, Door through, std::function<Result<T>(Transaction&)> apply, Callback<T> answered)
      : Request(std::move(who), through), apply_(std::move(apply)), done_(std::move(answered)) {}

  void refuse(const Error& error) override { result_ = Result<T>(error); }
  void apply(Transaction& tx) override {
    try {
      result_ = apply_(tx);
    } catch (const std::exception& broken) {
      result_ = Result<T>(Error(Errc::internal, fmt::format("the controller's state is broken: {}", broken.what()),
                                "report this; a restart of mooring-controller rebuilds the state from its store"));
    }
    if (!*result_ || caller.dry_run) {
      tx.undo();
    }
  }
  bool refused() const override { return !*result_; }
  void answer(const Result<void>& durable) override {
    done_(durable ? std::move(*result_) : Result<T>(durable.error()));
  }

  std::function<Result<T>(Transaction&)> apply_;
  Callback<T> done_;
  std::optional<Result<T>> result_;
};

template <class T>
void Ipam::enqueue(Caller caller, std::function<Result<T>(Transaction&)> apply, Callback<T> done, Door door) {
  ++counters_.requests;
  queue_.push_back(std::make_unique<TypedRequest<T>>(std::move(caller), door, std::move(apply), std::move(done)));
  schedule();
}

}  // namespace mooring::controller
