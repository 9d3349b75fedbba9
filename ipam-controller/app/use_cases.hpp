// What each request does, inside a transaction: check on the state as it stands, then write. An error leaves the state
// to the caller to undo. Known to ipam.cpp only; api/ calls Ipam.
#pragma once

#include <string>

#include "ipam-controller/app/requests.hpp"
#include "ipam-controller/app/transaction.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {

// ports.cpp
Result<ipam_api::Allocation> allocate(Transaction& tx, const ipam_api::AllocateRequest& request);
Result<void> confirm(Transaction& tx, const ipam_api::ConfirmRequest& request);
Result<ipam_api::ReleaseAnswer> release(Transaction& tx, const ipam_api::ReleaseRequest& request);
Result<void> delete_port(Transaction& tx, const std::string& id);
// The port's address is free again, or stays with its binding.
void let_go(Transaction& tx, const Port& port);

// registration.cpp; the answer is the revision that wrote the registration as it is.
Result<Revision> register_node(Transaction& tx, const std::string& name, const ipam_api::Registration& registration);
Result<Revision> register_gateway(Transaction& tx, const std::string& name, const ipam_api::Registration& registration);
Result<void> delete_node(Transaction& tx, const std::string& name, bool force);
Result<void> delete_gateway(Transaction& tx, const std::string& name);

// topology.cpp
Result<Network> create_network(Transaction& tx, const Network& wanted);
Result<Subnet> create_subnet(Transaction& tx, const NewSubnet& wanted);
Result<Pool> create_pool(Transaction& tx, const NewPool& wanted);
Result<void> delete_network(Transaction& tx, const std::string& name);
Result<void> delete_subnet(Transaction& tx, const std::string& name);
Result<void> delete_pool(Transaction& tx, const std::string& name);

// bindings.cpp
Result<Binding> create_binding(Transaction& tx, const NewBinding& wanted);
Result<void> delete_binding(Transaction& tx, const BindingKey& owner, bool force);

}  // namespace mooring::controller
