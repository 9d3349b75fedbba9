#include "ovs-agent/app/attachments.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ovs-agent/app/underlay_mtu.hpp"

namespace mooring::agent {

using namespace asio::experimental::awaitable_operators;

namespace {

constexpr std::chrono::milliseconds ready_deadline{5'000};
constexpr std::chrono::milliseconds allocate_deadline{10'000};
constexpr std::chrono::milliseconds short_allocate_deadline{2'000};  // where the node can help itself
constexpr std::chrono::milliseconds confirm_deadline{10'000};
constexpr std::chrono::milliseconds unknown_deadline{2'000};
constexpr std::chrono::milliseconds release_deadline{3'000};

std::chrono::milliseconds left(Deadline deadline) {
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(rest, std::chrono::milliseconds(1));
}

}  // namespace

std::vector<std::string> Attachments::not_ready() const {
  std::vector<std::string> reasons;
  const NodeState& state = parts_.state;
  if (!state.ovsdb->connected) {
    reasons.emplace_back("OVSDB does not answer: is ovsdb-server running?");
  } else if (!state.bridges_ready) {
    reasons.push_back("the bridges are not ready: " +
                      (state.switch_problem.empty() ? "being made" : state.switch_problem));
  } else if (!state.earlier_boot_done) {
    reasons.emplace_back("ports of the kernel's earlier boot are being removed");
  }
  return reasons;
}

asio::awaitable<Result<void>> Attachments::wait_until_ready(Deadline deadline) {
  while (!not_ready().empty()) {
    const bool notified = co_await parts_.state.changed.wait(deadline);
    if (!notified) {
      co_return Error(Errc::unavailable,
                      fmt::format("waiting for the node's network: {}", fmt::join(not_ready(), "; ")),
                      "mooring-agent's log says more");
    }
  }
  co_return ok();
}

asio::awaitable<Result<agent_api::AttachAnswer>> Attachments::attach(agent_api::AttachRequest request, Caller caller) {
  NodeState& state = parts_.state;
  ++state.counters.adds;
  const auto begun = begin_add(request, caller);
  if (!begun) {
    ++state.counters.add_failures;
    co_return begun.error();
  }
  const auto ready = co_await wait_until_ready(after(ready_deadline));
  if (!ready) {
    ++state.counters.add_failures;
    co_return ready.error();
  }
  auto wish = allocate_request(request);
  const auto addresses = co_await addresses_for(std::move(wish));
  if (!addresses) {
    ++state.counters.add_failures;
    co_return addresses.error();
  }
  const ipam_api::Allocation* allocation = &addresses->allocation;
  const bool own = !addresses->given.empty();
  const auto& in_flight = parts_.journal.state().in_flight;
  const auto mine = in_flight.find(request.attachment);
  if (mine == in_flight.end() || !(mine->second == *begun)) {
    // Its DEL overtook it while the controller was asked: what it was given goes back.
    ++state.counters.add_failures;
    if (own) {
      parts_.given.take_back(request.attachment);
    } else {
      give_back(request.attachment, *allocation, "cni-del");
    }
    co_return Error(
        Errc::unavailable,
        fmt::format("attaching {}: it was deleted while the controller was asked", request.attachment.str()),
        "ADD it again if it is still wanted");
  }
  ipam_api::Allocation fitted = *allocation;
  const auto underlay = parts_.kernel.mtu_at(parts_.flows.plan().settings().vtep);
  fit_to_underlay(fitted, underlay);
  if (fitted.mtu_from_underlay && !underlay) {
    spdlog::warn("subnet {}: MTU {}, because that of the underlay is not known: {}", fitted.subnet, fitted.mtu_bytes,
                 underlay.error().text());
  } else if (const auto problem = too_big_for(fitted.mtu_bytes, underlay); !problem.empty()) {
    spdlog::warn("subnet {}: {}", fitted.subnet, problem);
  }
  using Applied = directory::Directory::Applied;
  if (!own && state.directory.apply_own(fitted, request.attachment) == Applied::superseded) {
    ++state.counters.superseded;
    co_return Error(Errc::superseded,
                    fmt::format("attaching {}: {} was bound again (after generation {}) while the answer was under way",
                                request.attachment.str(), fitted.addresses(), fitted.generation),
                    "another ADD of this hostname won");
  }
  PortRecord record =
      record_of(fitted, request.attachment, request.pod_uid, request.netns, state.boot_id, request.cni_network);
  record.bandwidth = request.bandwidth;
  record.given = addresses->given;
  const auto port = parts_.table.expect(std::move(record));
  parts_.table.directory_changed(state.directory.take_changes());
  if (!port) {
    ++state.counters.add_failures;
    co_return port.error();  // the plugin's DEL gives the address back
  }
  agent_api::AttachAnswer answer;
  answer.allocation = fitted;
  answer.ofport = (*port)->ofport;
  answer.bridge = integration_bridge;
  answer.ovsdb = parts_.ovsdb;
  answer.host_interface = (*port)->interface;
  answer.external_ids = external_ids_of((*port)->record);
  answer.disable_tx_checksum = state.userspace_datapath;
  co_return answer;
}

asio::awaitable<Result<GivenPorts::Given>> Attachments::addresses_for(ipam_api::AllocateRequest wish) {
  const bool away = !parts_.controller.connected() && parts_.given.may_give(wish);
  const Deadline deadline = after(away ? short_allocate_deadline : allocate_deadline);
  ipam_api::AllocateRequest asked = wish;
  auto allocation = co_await parts_.controller.allocate(std::move(asked), deadline);
  if (allocation) {
    GivenPorts::Given given;
    given.allocation = std::move(*allocation);
    co_return given;
  }
  const bool unheard = allocation.error().code() == Errc::unavailable || allocation.error().code() == Errc::timeout;
  co_return unheard ? parts_.given.give(wish, allocation.error()) : Result<GivenPorts::Given>(allocation.error());
}

Result<AddBegun> Attachments::begin_add(const agent_api::AttachRequest& request, Caller caller) {
  if (const auto is_new = require_new(request.attachment, caller); !is_new) {
    return is_new.error();
  }
  // In flight from now until it is confirmed or detached, also when it fails: the plugin makes its link meanwhile, and
  // if it is killed, this record is what the link is found by.
  AddBegun begun;
  begun.attachment = request.attachment;
  begun.pid = caller.pid;
  begun.started = parts_.kernel.started(caller.pid);
  begun.boot_id = parts_.state.boot_id;
  begun.cni_network = request.cni_network;
  if (const auto noted = parts_.journal.note(begun); !noted) {
    return noted.error();
  }
  parts_.releases.attachment_is_used_again(request.attachment);
  parts_.notes.forget(request.attachment);
  return begun;
}

ipam_api::AllocateRequest Attachments::allocate_request(agent_api::AttachRequest request) const {
  ipam_api::AllocateRequest wish;
  wish.node = parts_.state.node;
  wish.attachment = std::move(request.attachment);
  wish.pod_uid = std::move(request.pod_uid);
  wish.namespace_ = std::move(request.namespace_);
  wish.hostname = std::move(request.hostname);
  wish.interface_ordinal = request.interface_ordinal;
  wish.wishes = std::move(request.wishes);
  wish.configured = std::move(request.configured);
  return wish;
}

Result<void> Attachments::require_new(const Attachment& attachment, Caller caller) const {
  const auto& in_flight = parts_.journal.state().in_flight;
  const auto begun = in_flight.find(attachment);
  if (begun != in_flight.end() && begun->second.pid != caller.pid && parts_.kernel.alive(begun->second)) {
    return Error(
        Errc::already_exists,
        fmt::format("attaching {}: another ADD of it is under way (process {})", attachment.str(), begun->second.pid),
        "a runtime calls one ADD of an attachment at a time");
  }
  const auto* port = parts_.state.ports.find(attachment);
  if (begun != in_flight.end() || port == nullptr || port->leaving || !port->confirmed) {
    return ok();
  }
  const auto links = parts_.kernel.links();
  if (links && links->contains(port->interface)) {
    return Error(Errc::already_exists, fmt::format("attaching {}: it is attached already", attachment.str()),
                 "CNI DEL of the earlier ADD first");
  }
  return ok();
}

void Attachments::give_back(const Attachment& attachment, const ipam_api::Allocation& allocation,
                            const std::string& reason) {
  ReleaseOwed release;
  release.attachment = attachment;
  release.generation = allocation.generation;
  release.reason = reason;
  if (const auto owed = parts_.releases.owe(std::move(release)); !owed) {
    spdlog::error("{}: {}", attachment.str(), owed.error().text());
  }
}

Result<LocalPort> Attachments::open_port(const Attachment& attachment, Generation generation) const {
  const auto* port = parts_.state.ports.find(attachment);
  const auto doing = fmt::format("confirming the port of {}", attachment.str());
  if (port == nullptr) {
    return Error(Errc::not_found, doing + ": the agent does not know it", "attach it first");
  }
  const Gate gate = gate_of(*port, parts_.state.directory);
  if (port->record.generation != generation || !gate.open) {
    return Error(Errc::superseded,
                 fmt::format("{}: generation {} is no longer the newest: {}", doing, generation, gate.text()),
                 "another ADD of this hostname won");
  }
  return *port;
}

asio::awaitable<Result<std::uint32_t>> Attachments::wait_for_ofport(Attachment attachment, Generation generation,
                                                                    Deadline deadline) {
  const Deadline patience = std::min(deadline, after(unknown_deadline));
  for (;;) {
    const auto port = open_port(attachment, generation);
    if (!port) {
      // An agent that was started again between attach and confirm learns of the port from OVSDB: in a moment.
      const bool unknown = port.error().code() == Errc::not_found;
      if (unknown && std::chrono::steady_clock::now() < patience) {
        co_await parts_.state.changed.wait(patience);
        continue;
      }
      co_return port.error();
    }
    const auto* row = parts_.table.row_of(*port);
    if (row != nullptr && !row->error.empty()) {
      co_return Error(Errc::io, fmt::format("confirming the port of {}: ovs-vswitchd cannot open {}: {}",
                                            attachment.str(), port->interface, row->error));
    }
    if (row != nullptr && row->ofport && *row->ofport != 0) {
      co_return *row->ofport;
    }
    const bool there = row != nullptr;
    const bool notified = co_await parts_.state.changed.wait(deadline);
    if (!notified) {
      co_return Error(Errc::timeout,
                      fmt::format("confirming the port of {}: {}", attachment.str(),
                                  there ? "ovs-vswitchd has not opened it" : "its row is not in OVSDB"),
                      there ? "is ovs-vswitchd running?" : "the plugin inserts it; is ovsdb-server running?");
    }
  }
}

asio::awaitable<Result<void>> Attachments::tell_confirmed(Attachment attachment, Generation generation,
                                                          Deadline deadline) {
  const auto* port = parts_.state.ports.find(attachment);
  if (port != nullptr && !port->record.given.empty()) {
    co_return ok();  // the controller is told of the whole port when it is back
  }
  ipam_api::ConfirmRequest told;
  told.node = parts_.state.node;
  told.attachment = std::move(attachment);
  told.generation = generation;
  co_return co_await parts_.controller.confirm(std::move(told), deadline);
}

asio::awaitable<Result<void>> Attachments::confirm(agent_api::ConfirmRequest request) {
  const Deadline deadline = after(confirm_deadline);
  const auto ofport = co_await wait_for_ofport(request.attachment, request.generation, deadline);
  if (!ofport) {
    co_return ofport.error();
  }
  parts_.table.use_ofport(request.attachment, *ofport);
  // The switch and the controller each take their time; an ADD waits for the longer of the two, not for both in turn.
  auto flows_in_place = parts_.flows.settled(request.attachment, left(deadline));
  auto confirmation = tell_confirmed(request.attachment, request.generation, deadline);
  const auto [settled, confirmed] = co_await (std::move(flows_in_place) && std::move(confirmation));
  if (!settled) {
    co_return settled.error().within(fmt::format("confirming the port of {}", request.attachment.str()));
  }
  if (const auto still = open_port(request.attachment, request.generation); !still) {
    ++parts_.state.counters.superseded;
    co_return still.error();
  }
  if (!confirmed) {
    co_return confirmed.error();
  }
  parts_.table.confirmed(request.attachment);
  end_add(request.attachment);
  co_return ok();
}

asio::awaitable<Result<agent_api::DetachAnswer>> Attachments::detach(agent_api::DetachRequest request) {
  NodeState& state = parts_.state;
  ++state.counters.dels;
  parts_.table.leave(request.attachment);
  ReleaseOwed release;
  release.attachment = request.attachment;
  release.reason = request.reason;
  std::vector<PortKey> keys;
  if (const auto* port = state.ports.find(request.attachment)) {
    release.generation = port->record.generation;
    keys = port->record.keys();
  }
  const bool delegated = parts_.journal.state().delegated.contains(request.attachment);
  if (delegated) {
    release.generation = parts_.journal.state().delegated.at(request.attachment).generation;
  }
  const Generation generation = release.generation;
  const auto outcome = co_await parts_.releases.release(std::move(release), after(release_deadline));
  for (const PortKey key : outcome ? keys : std::vector<PortKey>{}) {
    state.directory.forget_own(key, generation);
  }
  // A new ADD of the same attachment may have come meanwhile: its port stays.
  const auto* now = state.ports.find(request.attachment);
  if (now == nullptr || now->record.generation == generation) {
    parts_.table.drop(request.attachment, generation);
    end_add(request.attachment);
  }
  if (!keys.empty()) {
    parts_.table.directory_changed(state.directory.take_changes());
  }
  parts_.kernel.sweep_retired_links();
  if (!outcome) {
    co_return outcome.error();
  }
  if (delegated) {
    forget_delegated(request.attachment);
  }
  agent_api::DetachAnswer answer;
  answer.released = outcome->released;
  answer.journaled = !outcome->told;
  co_return answer;
}

Result<void> Attachments::take_notes() {
  for (const auto& note : parts_.notes.read()) {
    ReleaseOwed release;
    release.attachment = note.attachment;
    release.reason = note.reason;
    if (const auto* port = parts_.state.ports.find(note.attachment)) {
      release.key = port->record.key();
      release.generation = port->record.generation;
    }
    const Generation generation = release.generation;
    if (!parts_.releases.owes(note.attachment, generation)) {
      if (const auto owed = parts_.releases.owe(std::move(release)); !owed) {
        return owed.error();
      }
    }
    parts_.table.drop(note.attachment, generation);
    forget_delegated(note.attachment);
    end_add(note.attachment);
    parts_.notes.forget(note.attachment);
    ++parts_.state.counters.dels;
    spdlog::info("{} was deleted while the agent was away ({}): the controller will be told", note.attachment.str(),
                 note.reason);
  }
  return ok();
}

std::set<Attachment> Attachments::in_flight() const {
  std::set<Attachment> alive;
  for (const auto& [attachment, begun] : parts_.journal.state().in_flight) {
    if (parts_.kernel.alive(begun)) {
      alive.insert(attachment);
    }
  }
  return alive;
}

void Attachments::forget_delegated(const Attachment& attachment) {
  if (!parts_.journal.state().delegated.contains(attachment)) {
    return;
  }
  if (const auto noted = parts_.journal.note(DelegatedEnded{attachment}); !noted) {
    spdlog::error("{}", noted.error().text());
  }
}

void Attachments::end_add(const Attachment& attachment) {
  if (!parts_.journal.state().in_flight.contains(attachment)) {
    return;
  }
  if (const auto noted = parts_.journal.note(AddEnded{attachment}); !noted) {
    spdlog::error("{}", noted.error().text());
  }
}

}  // namespace mooring::agent
