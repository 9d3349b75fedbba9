// The doors of the controller: each a request that waits for its batch (ipam.cpp).
#include <chrono>
#include <memory>
#include <utility>

#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/app/refusals.hpp"
#include "ipam-controller/app/transaction.hpp"
#include "ipam-controller/app/use_cases.hpp"

namespace mooring::controller {

void Ipam::allocate(Caller caller, ipam_api::AllocateRequest request, Callback<ipam_api::Allocation> done) {
  const bool for_real = !caller.dry_run;
  const auto shared = std::make_shared<const ipam_api::AllocateRequest>(std::move(request));
  const auto begun = std::chrono::steady_clock::now();
  enqueue<ipam_api::Allocation>(
      std::move(caller),
      [this, for_real, shared](Transaction& tx) {
        auto given = controller::allocate(tx, *shared);
        if (for_real) {
          const Error refusal = given ? Error() : given.error();
          refusals_->note(*shared, tx.now(), given ? nullptr : &refusal);
        }
        return given;
      },
      [this, for_real, shared, begun, done = std::move(done)](Result<ipam_api::Allocation> granted) {
        if (for_real && observer_ != nullptr) {
          const Error refusal = granted ? Error() : granted.error();
          observer_->allocated(*shared, std::chrono::steady_clock::now() - begun, granted ? nullptr : &refusal);
        }
        done(std::move(granted));
      });
}

void Ipam::confirm(Caller caller, ipam_api::ConfirmRequest request, Callback<void> done) {
  enqueue<void>(
      std::move(caller), [request = std::move(request)](Transaction& tx) { return controller::confirm(tx, request); },
      std::move(done));
}

void Ipam::release(Caller caller, ipam_api::ReleaseRequest request, Callback<ipam_api::ReleaseAnswer> done) {
  if (caller.reason.empty()) {
    caller.reason = request.reason;
  }
  const std::string node = request.node;
  enqueue<ipam_api::ReleaseAnswer>(
      std::move(caller),
      [this, request = std::move(request)](Transaction& tx) { return controller::release(tx, request, brake_); },
      [this, node, done = std::move(done)](Result<ipam_api::ReleaseAnswer> answer) {
        if (!answer && answer.error().code() == Errc::release_held) {
          tell_held(node);
        }
        done(std::move(answer));
      });
}

// The refused release is undone with all it wrote: the event is a change of its own, once for each alarm.
void Ipam::tell_held(const std::string& node) {
  const auto held = brake_.take_alarm(node);
  if (!held) {
    return;
  }
  enqueue<void>(
      Caller{{Actor::Kind::system, "release-brake", ""}, "too many at once", false, std::nullopt},
      [node, held = *held](Transaction& tx) {
        tx.tell(make_event("release.held", "node/" + node, held.str(node),
                           ipam_api::Json{{"ports", held.ports}, {"held", held.held}}));
        return ok();
      },
      [](Result<void>) {});
}

void Ipam::let_held_go(std::string node, Callback<std::uint64_t> done) {
  post_([weak = std::weak_ptr<Ipam*>(self_), node = std::move(node), done = std::move(done)] {
    if (const auto self = weak.lock()) {
      done(std::uint64_t{(*self)->brake_.let_go(node)});
    }
  });
}

namespace {

Result<ipam_api::RegistrationAnswer> registered(const std::string& incarnation, Result<Revision> revision) {
  if (!revision) {
    return revision.error();
  }
  return ipam_api::RegistrationAnswer{incarnation, *revision};
}

}  // namespace

void Ipam::register_node(Caller caller, std::string name, ipam_api::Registration registration,
                         Callback<ipam_api::RegistrationAnswer> done) {
  enqueue<ipam_api::RegistrationAnswer>(
      std::move(caller),
      [this, name = std::move(name), registration = std::move(registration)](Transaction& tx) {
        return registered(incarnation_, controller::register_node(tx, name, registration));
      },
      std::move(done), even_while_restoring);
}

void Ipam::register_gateway(Caller caller, std::string name, ipam_api::Registration registration,
                            Callback<ipam_api::RegistrationAnswer> done) {
  enqueue<ipam_api::RegistrationAnswer>(
      std::move(caller),
      [this, name = std::move(name), registration = std::move(registration)](Transaction& tx) {
        return registered(incarnation_, controller::register_gateway(tx, name, registration));
      },
      std::move(done), even_while_restoring);
}

void Ipam::lease_block(Caller caller, LeaseRequest request, Callback<Block> done) {
  enqueue<Block>(
      std::move(caller),
      [request = std::move(request)](Transaction& tx) { return controller::lease_block(tx, request); },
      std::move(done));
}

void Ipam::return_block(Caller caller, std::string id, bool reported, Callback<void> done) {
  enqueue<void>(
      std::move(caller),
      [id = std::move(id), reported](Transaction& tx) { return controller::return_block(tx, id, reported); },
      std::move(done));
}

template <class T>
void Ipam::create(Caller caller, T wanted, Callback<T> done) {
  enqueue<T>(
      std::move(caller), [wanted = std::move(wanted)](Transaction& tx) { return controller::create(tx, wanted); },
      std::move(done));
}

template <class T>
void Ipam::put(Caller caller, T wanted, Callback<Stored<T>> done) {
  enqueue<Stored<T>>(
      std::move(caller), [wanted = std::move(wanted)](Transaction& tx) { return controller::put(tx, wanted); },
      std::move(done));
}

template <class T>
void Ipam::remove(Caller caller, typename T::Key key, Callback<void> done) {
  enqueue<void>(
      std::move(caller), [key = std::move(key)](Transaction& tx) { return controller::remove<T>(tx, key); },
      std::move(done));
}

#define MOORING_WRITABLE(T)                                   \
  template void Ipam::create<T>(Caller, T, Callback<T>);      \
  template void Ipam::put<T>(Caller, T, Callback<Stored<T>>); \
  template void Ipam::remove<T>(Caller, typename T::Key, Callback<void>);
MOORING_WRITABLE(Network)
MOORING_WRITABLE(Subnet)
MOORING_WRITABLE(Pool)
MOORING_WRITABLE(Reservation)
MOORING_WRITABLE(Rule)
MOORING_WRITABLE(Vip)
MOORING_WRITABLE(Webhook)
MOORING_WRITABLE(AddressList)
MOORING_WRITABLE(AccessRule)
MOORING_WRITABLE(ExtraAddress)
#undef MOORING_WRITABLE

void Ipam::create_binding(Caller caller, NewBinding binding, Callback<Binding> done) {
  enqueue<Binding>(
      std::move(caller),
      [binding = std::move(binding)](Transaction& tx) { return controller::create_binding(tx, binding); },
      std::move(done));
}

void Ipam::change_binding(Caller caller, BindingKey owner, BindingChange change, Callback<Binding> done) {
  enqueue<Binding>(
      std::move(caller),
      [owner = std::move(owner), change = std::move(change)](Transaction& tx) {
        return controller::change_binding(tx, owner, change);
      },
      std::move(done));
}

void Ipam::delete_binding(Caller caller, BindingKey owner, bool force, Callback<void> done) {
  enqueue<void>(
      std::move(caller),
      [owner = std::move(owner), force](Transaction& tx) { return controller::delete_binding(tx, owner, force); },
      std::move(done));
}

void Ipam::delete_workload(Caller caller, std::string namespace_name, std::string workload,
                           Callback<std::uint64_t> done) {
  enqueue<std::uint64_t>(
      std::move(caller),
      [namespace_name = std::move(namespace_name), workload = std::move(workload)](Transaction& tx) {
        return controller::delete_workload(tx, namespace_name, workload);
      },
      std::move(done));
}

void Ipam::delete_port(Caller caller, std::string id, Callback<void> done) {
  enqueue<void>(
      std::move(caller), [id = std::move(id)](Transaction& tx) { return controller::delete_port(tx, id); },
      std::move(done));
}

void Ipam::delete_node(Caller caller, std::string name, bool force, Callback<void> done) {
  enqueue<void>(
      std::move(caller),
      [name = std::move(name), force](Transaction& tx) { return controller::delete_node(tx, name, force); },
      std::move(done));
}

void Ipam::fence_node(Caller caller, std::string name, Callback<void> done) {
  enqueue<void>(
      std::move(caller), [name = std::move(name)](Transaction& tx) { return controller::fence_node(tx, name); },
      std::move(done));
}

void Ipam::unfence_node(Caller caller, std::string name, Callback<void> done) {
  enqueue<void>(
      std::move(caller), [name = std::move(name)](Transaction& tx) { return controller::unfence_node(tx, name); },
      std::move(done));
}

void Ipam::delete_gateway(Caller caller, std::string name, Callback<void> done) {
  enqueue<void>(
      std::move(caller), [name = std::move(name)](Transaction& tx) { return controller::delete_gateway(tx, name); },
      std::move(done));
}

void Ipam::move_extra_address(Caller caller, MoveRequest request, Callback<ExtraAddress> done) {
  enqueue<ExtraAddress>(
      std::move(caller),
      [request = std::move(request)](Transaction& tx) { return controller::move_extra_address(tx, request); },
      std::move(done));
}

}  // namespace mooring::controller
