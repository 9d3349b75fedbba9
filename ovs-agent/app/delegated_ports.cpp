#include "ovs-agent/app/delegated_ports.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ovs-agent/domain/reconcile.hpp"

namespace mooring::agent {
namespace {

constexpr std::chrono::milliseconds controller_deadline{10'000};
constexpr std::chrono::milliseconds objection_deadline{3'000};

}  // namespace

asio::awaitable<Result<agent_api::DelegatedAnswer>> DelegatedPorts::attach(agent_api::AttachRequest request,
                                                                           Caller caller) {
  auto& counters = parts_.state.counters;
  ++counters.adds;
  const Attachment attachment = request.attachment;
  const std::string netns = request.netns;
  const std::string cni_network = request.cni_network;
  // Who executed mooring-ipam, and goes on when it has ended: the main plugin.
  const std::int32_t main_plugin = parts_.kernel.parent(caller.pid);
  const auto begun = attachments_.begin_add(request, caller);
  if (!begun) {
    ++counters.add_failures;
    co_return begun.error();
  }
  auto wish = attachments_.allocate_request(std::move(request));
  wish.wishes.labels.emplace(datapath_label, "delegated");
  const auto allocation = co_await parts_.controller.allocate(std::move(wish), after(controller_deadline));
  if (!allocation) {
    ++counters.add_failures;
    co_return allocation.error();
  }
  const auto& in_flight = parts_.journal.state().in_flight;
  const auto mine = in_flight.find(attachment);
  if (mine == in_flight.end() || !(mine->second == *begun)) {
    ++counters.add_failures;
    attachments_.give_back(attachment, *allocation, "cni-del");
    co_return Error(Errc::unavailable,
                    fmt::format("attaching {}: it was deleted while the controller was asked", attachment.str()),
                    "ADD it again if it is still wanted");
  }
  ipam_api::ConfirmRequest told;
  told.node = parts_.state.node;
  told.attachment = attachment;
  told.generation = allocation->generation;
  const auto confirmed = co_await parts_.controller.confirm(std::move(told), after(controller_deadline));
  if (!confirmed) {
    ++counters.add_failures;
    co_return confirmed.error();
  }
  DelegatedGiven given;
  given.attachment = attachment;
  given.addresses = allocation->addresses();
  given.pod = allocation->namespace_ + "/" + allocation->hostname;
  given.vni = allocation->vni;
  given.mac = allocation->mac;
  given.generation = allocation->generation;
  given.netns = netns;
  given.cni_network = cni_network;
  given.boot_id = parts_.state.boot_id;
  given.pid = main_plugin;
  given.started = parts_.kernel.started(main_plugin);
  if (const auto noted = parts_.journal.note_durably(given); !noted) {
    co_return noted.error();
  }
  attachments_.end_add(attachment);
  agent_api::DelegatedAnswer answer;
  answer.allocation = *allocation;
  co_return answer;
}

asio::awaitable<Result<agent_api::CheckAnswer>> DelegatedPorts::check(agent_api::DelegatedCheckRequest request) {
  agent_api::CheckAnswer answer;
  const auto& all = parts_.journal.state().delegated;
  const auto found = all.find(request.attachment);
  if (found == all.end()) {
    answer.problems.push_back(fmt::format("the node has given no address to {}", request.attachment.str()));
    co_return answer;
  }
  const DelegatedGiven given = found->second;
  for (const auto& address : split_addresses(given.addresses)) {
    if (std::find(request.addresses.begin(), request.addresses.end(), address) == request.addresses.end()) {
      answer.problems.push_back(
          fmt::format("the addresses are {}, and {} was given", fmt::join(request.addresses, ", "), given.addresses));
    }
  }
  const std::string by_controller =
      co_await attachments_.controllers_objection(given.attachment, given.generation, after(objection_deadline));
  if (!by_controller.empty()) {
    answer.problems.push_back(by_controller);
  }
  co_return answer;
}

bool DelegatedPorts::namespace_lives(const DelegatedGiven& given) const {
  return given.boot_id == parts_.state.boot_id && parts_.kernel.namespace_alive(given.netns);
}

bool DelegatedPorts::alive(const DelegatedGiven& given) const {
  AddBegun main_plugin;
  main_plugin.pid = given.pid;
  main_plugin.started = given.started;
  main_plugin.boot_id = given.boot_id;
  return namespace_lives(given) &&
         (parts_.kernel.alive(main_plugin) || parts_.kernel.interface_alive(given.netns, given.attachment.ifname));
}

Result<void> DelegatedPorts::give_back(const DelegatedGiven& given, const std::string& reason) {
  spdlog::warn("the address {} of {} is given back: {}", given.addresses, given.attachment.str(), reason);
  if (!parts_.releases.owes(given.attachment, given.generation)) {
    ReleaseOwed release;
    release.attachment = given.attachment;
    release.generation = given.generation;
    release.reason = reason;
    if (const auto owed = parts_.releases.owe(std::move(release)); !owed) {
      return owed;
    }
  }
  ++parts_.state.counters.reconciled;
  return parts_.journal.note(DelegatedEnded{given.attachment});
}

Result<void> DelegatedPorts::pass() {
  const auto in_flight = attachments_.in_flight();
  std::vector<DelegatedGiven> gone, earlier;
  std::set<Attachment> gone_now;
  const auto& all = parts_.journal.state().delegated;
  for (const auto& [attachment, given] : all) {
    if (in_flight.contains(attachment)) {
      continue;
    }
    if (given.boot_id != parts_.state.boot_id) {
      earlier.push_back(given);
    } else if (!namespace_lives(given)) {
      gone_now.insert(attachment);
      if (gone_before_.contains(attachment)) {
        gone.push_back(given);
      }
    }
  }
  gone_before_ = std::move(gone_now);
  // Many at once: more likely the folder of the namespaces cannot be seen than that all containers went.
  const bool too_many = gone.size() > hold_above_ports && gone.size() * 100 > all.size() * hold_above_percent;
  if (too_many != holds_) {
    holds_ = too_many;
    if (too_many) {
      ++parts_.state.counters.holds;
      spdlog::error("the namespaces of {} of {} delegated addresses seem to be gone at once, the first {}: held",
                    gone.size(), all.size(), gone.front().netns);
    }
  }
  if (!too_many) {
    for (const auto& given : gone) {
      if (const auto done = give_back(given, "gone"); !done) {
        return done;
      }
    }
  }
  for (const auto& given : earlier) {
    if (const auto done = give_back(given, "earlier-boot"); !done) {
      return done;
    }
  }
  return ok();
}

}  // namespace mooring::agent
