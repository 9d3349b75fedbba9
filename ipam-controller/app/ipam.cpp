#include "ipam-controller/app/ipam.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/app/transaction.hpp"
#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {
namespace {

// Bounds the time until the first of a batch is answered (a few milliseconds of SQLite).
constexpr std::size_t max_requests_a_batch = 512;

}  // namespace

// A call that waits for its batch, and for the batch to become durable.
struct Ipam::Request {
  virtual ~Request() = default;
  // Keeps the result for `answer`; undoes the transaction itself if it is an error.
  virtual void apply(Transaction& tx) = 0;
  virtual bool refused() const = 0;
  // `durable`: an error takes the place of the result.
  virtual void answer(const Result<void>& durable) = 0;
};

namespace {

template <class T>
using Apply = std::function<Result<T>(Transaction&)>;

}  // namespace

template <class T>
struct Ipam::TypedRequest : Ipam::Request {
  TypedRequest(Apply<T> apply, Callback<T> answered) : apply_(std::move(apply)), done_(std::move(answered)) {}

  void apply(Transaction& tx) override {
    try {
      result_ = apply_(tx);
    } catch (const std::exception& broken) {
      result_ = Result<T>(Error(Errc::internal, fmt::format("the controller's state is broken: {}", broken.what()),
                                "report this; a restart of mooring-controller rebuilds the state from its store"));
    }
    if (!*result_) {
      tx.undo();
    }
  }
  bool refused() const override { return !*result_; }
  void answer(const Result<void>& durable) override {
    done_(durable ? std::move(*result_) : Result<T>(durable.error()));
  }

  Apply<T> apply_;
  Callback<T> done_;
  std::optional<Result<T>> result_;
};

// A batch between being applied and being durable.
struct Ipam::Flight {
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<Write> undo;
  std::vector<ChangeSet> changes;
  Revision revision = 0;
};

Ipam::Ipam(Store& store, Post post) : store_(store), post_(std::move(post)), self_(std::make_shared<Ipam*>(this)) {}

Ipam::~Ipam() = default;

Result<void> Ipam::start() {
  auto loaded = store_.load([this](const Write& row) { state_.apply(row); });
  if (!loaded) {
    return loaded.error();
  }
  incarnation_ = loaded->incarnation;
  last_ = committed_ = loaded->revision;
  return ok();
}

template <class T>
void Ipam::enqueue(std::function<Result<T>(Transaction&)> apply, Callback<T> done) {
  ++counters_.requests;
  queue_.push_back(std::make_unique<TypedRequest<T>>(std::move(apply), std::move(done)));
  schedule();
}

void Ipam::schedule() {
  if (scheduled_ || flight_) {
    return;
  }
  scheduled_ = true;
  post_([weak = std::weak_ptr<Ipam*>(self_)] {
    if (const auto self = weak.lock()) {
      (*self)->scheduled_ = false;
      (*self)->drain();
    }
  });
}

void Ipam::drain() {
  if (flight_) {
    return;
  }
  run_reads();
  if (queue_.empty()) {
    return;
  }
  flight_ = std::make_unique<Flight>();
  Batch batch;
  while (!queue_.empty() && flight_->requests.size() < max_requests_a_batch) {
    std::unique_ptr<Request> request = std::move(queue_.front());
    queue_.pop_front();
    Transaction tx(state_, last_ + 1);
    request->apply(tx);
    if (!tx.empty()) {
      last_ = tx.revision();
      std::move(tx.writes().begin(), tx.writes().end(), std::back_inserter(batch.writes));
      std::move(tx.undo_rows().begin(), tx.undo_rows().end(), std::back_inserter(flight_->undo));
      if (!tx.changes().changes.empty()) {
        batch.changes.push_back(tx.changes());
        flight_->changes.push_back(std::move(tx.changes()));
      }
    }
    flight_->requests.push_back(std::move(request));
  }
  if (batch.writes.empty()) {
    flight_->revision = committed_;
    landed(ok());
    return;
  }
  batch.revision = flight_->revision = last_;
  store_.commit(std::move(batch), [weak = std::weak_ptr<Ipam*>(self_)](Result<void> outcome) {
    if (const auto self = weak.lock()) {
      (*self)->count_batch(outcome.has_value());
      (*self)->landed(std::move(outcome));
    }
  });
}

void Ipam::count_batch(bool durable) {
  ++(durable ? counters_.batches : counters_.failed_batches);
  counters_.largest_batch = std::max<std::uint64_t>(counters_.largest_batch, flight_->requests.size());
}

void Ipam::landed(Result<void> outcome) {
  const std::unique_ptr<Flight> flight = std::move(flight_);
  if (outcome) {
    committed_ = flight->revision;
  } else {
    // Revision numbers are not used again: a store may find out later that it has kept the batch after all.
    Transaction::undo_all(state_, flight->undo);
  }
  // What waits goes on behind the callbacks below, which may call back in.
  if (!queue_.empty() || !readers_.empty()) {
    schedule();
  }
  if (outcome && subscriber_) {
    for (const ChangeSet& changes : flight->changes) {
      subscriber_(changes);
    }
  }
  for (const auto& request : flight->requests) {
    counters_.refused += outcome && request->refused() ? 1U : 0U;
    request->answer(outcome);
  }
}

void Ipam::read(std::function<void(const State&, Revision)> reader) {
  readers_.push_back(std::move(reader));
  schedule();
}

void Ipam::run_reads() {
  const auto readers = std::exchange(readers_, {});
  for (const auto& reader : readers) {
    reader(state_, committed_);
  }
}

void Ipam::subscribe(std::function<void(const ChangeSet&)> subscriber) {
  subscriber_ = std::move(subscriber);
}

void Ipam::changes_since(Revision after, std::size_t limit, Callback<ChangeLogPage> done) {
  store_.changes_since(after, committed_, limit,
                       [weak = std::weak_ptr<Ipam*>(self_), done = std::move(done)](Result<ChangeLogPage> page) {
                         if (weak.lock()) {
                           done(std::move(page));
                         }
                       });
}

void Ipam::allocate(ipam_api::AllocateRequest request, Callback<ipam_api::Allocation> done) {
  enqueue<ipam_api::Allocation>(
      [request = std::move(request)](Transaction& tx) { return controller::allocate(tx, request); }, std::move(done));
}

void Ipam::confirm(ipam_api::ConfirmRequest request, Callback<void> done) {
  enqueue<void>([request = std::move(request)](Transaction& tx) { return controller::confirm(tx, request); },
                std::move(done));
}

void Ipam::release(ipam_api::ReleaseRequest request, Callback<ipam_api::ReleaseAnswer> done) {
  enqueue<ipam_api::ReleaseAnswer>(
      [request = std::move(request)](Transaction& tx) { return controller::release(tx, request); }, std::move(done));
}

namespace {

Result<ipam_api::RegistrationAnswer> registered(const std::string& incarnation, Result<Revision> revision) {
  if (!revision) {
    return revision.error();
  }
  return ipam_api::RegistrationAnswer{incarnation, *revision};
}

}  // namespace

void Ipam::register_node(std::string name, ipam_api::Registration registration,
                         Callback<ipam_api::RegistrationAnswer> done) {
  enqueue<ipam_api::RegistrationAnswer>(
      [this, name = std::move(name), registration = std::move(registration)](Transaction& tx) {
        return registered(incarnation_, controller::register_node(tx, name, registration));
      },
      std::move(done));
}

void Ipam::register_gateway(std::string name, ipam_api::Registration registration,
                            Callback<ipam_api::RegistrationAnswer> done) {
  enqueue<ipam_api::RegistrationAnswer>(
      [this, name = std::move(name), registration = std::move(registration)](Transaction& tx) {
        return registered(incarnation_, controller::register_gateway(tx, name, registration));
      },
      std::move(done));
}

void Ipam::create_network(Network network, Callback<Network> done) {
  enqueue<Network>([network = std::move(network)](Transaction& tx) { return controller::create_network(tx, network); },
                   std::move(done));
}

void Ipam::create_subnet(NewSubnet subnet, Callback<Subnet> done) {
  enqueue<Subnet>([subnet = std::move(subnet)](Transaction& tx) { return controller::create_subnet(tx, subnet); },
                  std::move(done));
}

void Ipam::create_pool(NewPool pool, Callback<Pool> done) {
  enqueue<Pool>([pool = std::move(pool)](Transaction& tx) { return controller::create_pool(tx, pool); },
                std::move(done));
}

void Ipam::create_binding(NewBinding binding, Callback<Binding> done) {
  enqueue<Binding>([binding = std::move(binding)](Transaction& tx) { return controller::create_binding(tx, binding); },
                   std::move(done));
}

void Ipam::delete_network(std::string name, Callback<void> done) {
  enqueue<void>([name = std::move(name)](Transaction& tx) { return controller::delete_network(tx, name); },
                std::move(done));
}

void Ipam::delete_subnet(std::string name, Callback<void> done) {
  enqueue<void>([name = std::move(name)](Transaction& tx) { return controller::delete_subnet(tx, name); },
                std::move(done));
}

void Ipam::delete_pool(std::string name, Callback<void> done) {
  enqueue<void>([name = std::move(name)](Transaction& tx) { return controller::delete_pool(tx, name); },
                std::move(done));
}

void Ipam::delete_binding(BindingKey owner, bool force, Callback<void> done) {
  enqueue<void>(
      [owner = std::move(owner), force](Transaction& tx) { return controller::delete_binding(tx, owner, force); },
      std::move(done));
}

void Ipam::delete_port(std::string id, Callback<void> done) {
  enqueue<void>([id = std::move(id)](Transaction& tx) { return controller::delete_port(tx, id); }, std::move(done));
}

void Ipam::delete_node(std::string name, bool force, Callback<void> done) {
  enqueue<void>([name = std::move(name), force](Transaction& tx) { return controller::delete_node(tx, name, force); },
                std::move(done));
}

void Ipam::delete_gateway(std::string name, Callback<void> done) {
  enqueue<void>([name = std::move(name)](Transaction& tx) { return controller::delete_gateway(tx, name); },
                std::move(done));
}

}  // namespace mooring::controller
