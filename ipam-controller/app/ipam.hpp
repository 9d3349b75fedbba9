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
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipam-controller/app/ports.hpp"
#include "ipam-controller/app/requests.hpp"
#include "ipam-controller/domain/change.hpp"
#include "ipam-controller/domain/objects.hpp"
#include "ipam-controller/domain/state.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

class Transaction;

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
  Ipam(Store& store, Post post);
  ~Ipam();
  Ipam(const Ipam&) = delete;
  Ipam& operator=(const Ipam&) = delete;

  // Loads the state. Once, before anything else; blocks (150,000 bindings: < 2 s).
  Result<void> start();

  // --- what nodes and gateways call -------------------------------------------------------------------------------
  void allocate(ipam_api::AllocateRequest request, Callback<ipam_api::Allocation> done);
  void confirm(ipam_api::ConfirmRequest request, Callback<void> done);
  void release(ipam_api::ReleaseRequest request, Callback<ipam_api::ReleaseAnswer> done);
  void register_node(std::string name, ipam_api::Registration registration,
                     Callback<ipam_api::RegistrationAnswer> done);
  void register_gateway(std::string name, ipam_api::Registration registration,
                        Callback<ipam_api::RegistrationAnswer> done);

  // --- what admins call ------------------------------------------------------------------------------------------
  void create_network(Network network, Callback<Network> done);
  void create_subnet(NewSubnet subnet, Callback<Subnet> done);
  void create_pool(NewPool pool, Callback<Pool> done);
  void create_binding(NewBinding binding, Callback<Binding> done);
  // Errc::in_use, with the dependants named, while something needs it.
  void delete_network(std::string name, Callback<void> done);
  void delete_subnet(std::string name, Callback<void> done);
  void delete_pool(std::string name, Callback<void> done);
  // With a live port only if `force`; the port then keeps the address until it is released.
  void delete_binding(BindingKey owner, bool force, Callback<void> done);
  // A forced release: the container keeps running without a network.
  void delete_port(std::string id, Callback<void> done);
  // With live ports only if `force`: they are released in the same transaction.
  void delete_node(std::string name, bool force, Callback<void> done);
  void delete_gateway(std::string name, Callback<void> done);

  // --- reads -----------------------------------------------------------------------------------------------------
  // Calls `reader` with the state as of committed_revision(): never with something that may still be undone. Waits for
  // the batch under way, at most. Look, copy what you need, return; do not keep references.
  void read(std::function<void(const State& state, Revision revision)> reader);

  // --- for the watch streams -------------------------------------------------------------------------------------
  // Called after each commit, once for each revision that changed the directory, in order, before the request is
  // answered. One subscriber.
  void subscribe(std::function<void(const ChangeSet& changes)> subscriber);
  // Everything up to here is durable and published.
  Revision committed_revision() const { return committed_; }
  const std::string& incarnation() const { return incarnation_; }
  // From the change log: revisions after `after`, up to what is committed at the time of this call, so that what the
  // subscriber hears from now on goes on where this ends. About `limit` changes a page.
  void changes_since(Revision after, std::size_t limit, Callback<ChangeLogPage> done);
  // (A snapshot is a read: state.shards(), state.snapshot(shard).)

  const Counters& counters() const { return counters_; }

 private:
  struct Request;
  template <class T>
  struct TypedRequest;
  struct Flight;

  template <class T>
  void enqueue(std::function<Result<T>(Transaction&)> apply, Callback<T> done);
  void schedule();
  void drain();
  void landed(Result<void> outcome);
  void count_batch(bool durable);
  void run_reads();

  Store& store_;
  Post post_;
  State state_;
  std::string incarnation_;
  Revision last_ = 0;       // given to a request
  Revision committed_ = 0;  // durable
  bool scheduled_ = false;
  std::deque<std::unique_ptr<Request>> queue_;
  std::unique_ptr<Flight> flight_;  // the batch at the store
  std::deque<std::function<void(const State&, Revision)>> readers_;
  std::function<void(const ChangeSet&)> subscriber_;
  Counters counters_;
  std::shared_ptr<Ipam*> self_;  // callbacks hold it weakly, so that none runs into a destroyed object
};

}  // namespace mooring::controller
