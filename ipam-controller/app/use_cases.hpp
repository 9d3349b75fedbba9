// What each request does, inside a transaction: check on the state as it stands, then write. An error leaves the state
// to the caller to undo. Known to ipam.cpp only; api/ calls Ipam.
#pragma once

#include <string>

#include "ipam-controller/app/release_brake.hpp"
#include "ipam-controller/app/requests.hpp"
#include "ipam-controller/app/transaction.hpp"
#include "ipam-controller/domain/explanation.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

// ports.cpp
Result<ipam_api::Allocation> allocate(Transaction& tx, const ipam_api::AllocateRequest& request);
Result<void> confirm(Transaction& tx, const ipam_api::ConfirmRequest& request);
// release_held: `brake` does not believe it.
Result<ipam_api::ReleaseAnswer> release(Transaction& tx, const ipam_api::ReleaseRequest& request, ReleaseBrake& brake);
Result<void> delete_port(Transaction& tx, const std::string& id);
// The port's addresses are free again, rest, or stay with their binding.
void let_go(Transaction& tx, const Port& port);

// registration.cpp; the answer is the revision that wrote the registration as it is.
Result<Revision> register_node(Transaction& tx, const std::string& name, const ipam_api::Registration& registration);
Result<Revision> register_gateway(Transaction& tx, const std::string& name, const ipam_api::Registration& registration);
Result<void> delete_node(Transaction& tx, const std::string& name, bool force);
// Its ports are released, and the machine may not register again until the node is unfenced: a tombstone stays.
Result<void> fence_node(Transaction& tx, const std::string& name);
Result<void> unfence_node(Transaction& tx, const std::string& name);
Result<void> delete_gateway(Transaction& tx, const std::string& name);

// topology.cpp: objects that admins write as a whole. `create` refuses one that is there, `put` changes it.
template <class T>
Result<T> create(Transaction& tx, const T& wanted);
template <class T>
Result<Stored<T>> put(Transaction& tx, const T& wanted);
// `key`, or not_found. In use: refused, with the dependants named.
template <class T>
Result<void> remove(Transaction& tx, const typename T::Key& key);

// bindings.cpp
Result<Binding> create_binding(Transaction& tx, const NewBinding& wanted);
Result<Binding> change_binding(Transaction& tx, const BindingKey& owner, const BindingChange& change);
// Makes the binding, or changes kind, retention, workload, labels and note of the one that is there.
Result<Stored<Binding>> put_binding(Transaction& tx, const NewBinding& wanted);
Result<void> delete_binding(Transaction& tx, const BindingKey& owner, bool force);
// Every binding with retention WithWorkload of that owner; how many.
Result<std::uint64_t> delete_workload(Transaction& tx, const std::string& namespace_, const std::string& workload);

// blocks.cpp
Result<Block> lease_block(Transaction& tx, const LeaseRequest& request);
// `reported`: the node says that nothing of it is in use; else it is only asked for.
Result<void> return_block(Transaction& tx, const std::string& id, bool reported);

// extra_addresses.cpp
Result<ExtraAddress> move_extra_address(Transaction& tx, const MoveRequest& request);
// The entries of what a hostname holds beside its port, when that port came, went or changed.
void publish_extra_addresses(Transaction& tx, const BindingKey& holder);
// The entry of one, if its holder is live.
void publish_extra_address(Transaction& tx, PortAddress address);

// expiry.cpp: what is due by now: addresses that have rested, bindings whose time is over.
void expire(Transaction& tx);
// Puts addresses that were in use to rest, as the pools around them want it.
void put_to_rest(Transaction& tx, net::Vni vni, const net::AddressPair& addresses, const BindingKey& owner);

// If-Match of the caller against the object.
Result<void> check_match(const Transaction& tx, Revision revision, const std::string& what);

}  // namespace mooring::controller
