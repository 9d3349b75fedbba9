// CNI CHECK, the agent's part: row, record, gate, flows, and the controller's own record.
#include <algorithm>

#include <fmt/format.h>

#include "ovs-agent/app/attachments.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds check_deadline{3'000};

}  // namespace

asio::awaitable<std::string> Attachments::controllers_objection(Attachment attachment, Generation generation,
                                                                Deadline deadline) {
  if (!parts_.controller.connected()) {
    co_return "";  // what the directory says of it has to do
  }
  ipam_api::ConfirmRequest request;
  request.node = parts_.state.node;
  request.attachment = std::move(attachment);
  request.generation = generation;
  const auto confirmed = co_await parts_.controller.confirm(std::move(request), deadline);
  co_return confirmed || confirmed.error().info().retryable ? std::string()
                                                            : "the controller's record: " + confirmed.error().message();
}

asio::awaitable<Result<agent_api::CheckAnswer>> Attachments::check(agent_api::CheckRequest request) {
  const NodeState& state = parts_.state;
  agent_api::CheckAnswer answer;
  const auto read = co_await parts_.flows.read_back(check_deadline);
  const auto problem = [&](std::string text) { answer.problems.push_back(std::move(text)); };
  const auto* port = state.ports.find(request.attachment);
  if (!state.ovsdb->connected) {
    co_return Error(Errc::unavailable, "checking a port: OVSDB does not answer", "is ovsdb-server running?");
  }
  if (port == nullptr) {
    problem(fmt::format("the node has no port for {}", request.attachment.str()));
    co_return answer;
  }
  const auto* row = parts_.table.row_of(*port);
  if (row == nullptr) {
    problem(fmt::format("the OVS port {} is not in br-int", port->interface));
  } else if (!row->error.empty()) {
    problem(fmt::format("the OVS port {} has an error: {}", port->interface, row->error));
  } else if (!row->ofport) {
    problem(fmt::format("the OVS port {} has no OpenFlow port number", port->interface));
  }
  for (const std::string& told : {request.address, request.address6}) {
    const auto& made_with = port->record.addresses;
    const bool known = told.empty() || std::any_of(made_with.begin(), made_with.end(),
                                                   [&](const auto& address) { return address.str() == told; });
    if (!known) {
      problem(fmt::format("the address is {}, and it was made with {}", told, port->record.addresses_text()));
    }
  }
  if (port->record.mac.str() != request.mac) {
    problem(fmt::format("the MAC is {}, and it was made with {}", request.mac, port->record.mac.str()));
  }
  if (const Gate gate = gate_of(*port, state.directory); !gate.open) {
    problem(fmt::format("the port is {}", gate.text()));
  }
  if (!read) {
    problem("the switch does not tell its flows: " + read.error().message());
  }
  for (const auto& flow : parts_.flows.missing(request.attachment)) {
    problem("a flow was not in place: " + flow);
  }
  answer.mtu_bytes = port->record.mtu_bytes;
  if (port->record.given.empty()) {  // else the controller has yet to be told of it
    const auto objection =
        co_await controllers_objection(request.attachment, port->record.generation, after(check_deadline));
    if (!objection.empty()) {
      problem(objection);
    }
  }
  co_return answer;
}

}  // namespace mooring::agent
