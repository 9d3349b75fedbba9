#include "ovs-agent/app/given_ports.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace mooring::agent {
namespace {

using ipam_api::AllocateRequest;
using ipam_api::Allocation;
using ipam_api::GivenReport;

// A container that comes again does so within this time, and has its address again.
constexpr std::chrono::seconds remembered{300};

std::string pod_of(const AllocateRequest& request) {
  return request.namespace_ + "/" + request.hostname;
}

bool same_interface(const Attachment& a, const Attachment& b) {
  return a.ifname == b.ifname && a != b;
}

}  // namespace

GivenPorts::GivenPorts(NodeState& state, PortTable& table, ReleaseQueue& releases, ControllerPort& controller,
                       KernelPort& kernel, JournalPort& journal, SwitchPort& bridge, Settings settings)
    : state_(state),
      table_(table),
      releases_(releases),
      controller_(controller),
      kernel_(kernel),
      journal_(journal),
      switch_(bridge),
      settings_(std::move(settings)) {}

// Its container cannot be using it any more.
bool GivenPorts::gone(const PortRecord& record) const {
  const auto* port = state_.ports.find(record.attachment);
  return port == nullptr || port->leaving || record.boot_id != state_.boot_id || !kernel_.namespace_alive(record.netns);
}

Result<std::optional<GivenPorts::Former>> GivenPorts::former_of(const AllocateRequest& request) const {
  const std::string pod = pod_of(request);
  std::string alive;
  const auto candidate = [&](const PortRecord& record) {
    if (record.pod != pod || !same_interface(record.attachment, request.attachment)) {
      return false;
    }
    const auto* port = state_.ports.find(record.attachment);
    const bool is_gone = gone(port == nullptr ? record : port->record);
    alive = is_gone ? alive : record.attachment.str();
    return is_gone;
  };
  std::optional<Former> former;
  for (const auto& [attachment, given] : journal_.state().given) {
    if (const auto report = report_in(given)) {
      PortRecord record = former_port(*report, state_.directory);
      record.attachment = attachment;
      if (candidate(record)) {
        former = Former{std::move(record), 0, attachment, report->in_place_of};
      }
    }
  }
  for (const auto& [id, release] : journal_.state().owed) {
    const auto record =
        former ? Result<PortRecord>(Error()) : record_from({release.record.begin(), release.record.end()});
    if (record && record->given.empty() && release.generation != 0 && candidate(*record)) {
      former = Former{*record, id, std::nullopt, record->attachment};
    }
  }
  for (const auto& [attachment, port] : state_.ports.all()) {
    if (!former && port.record.given.empty() && candidate(port.record)) {
      former = Former{port.record, 0, std::nullopt, attachment};
    }
  }
  if (!former && !alive.empty()) {
    return Error(Errc::conflict, fmt::format("its address is that of attachment {}, which is alive", alive));
  }
  return former;
}

bool GivenPorts::may_give(const AllocateRequest& request) const {
  const auto former = former_of(request);
  return (former && *former) || (why_not_from_block(request).empty() && spare() != 0);
}

Result<GivenPorts::Given> GivenPorts::give(const AllocateRequest& request, const Error& why) {
  const auto cannot = [&](const Error& problem) {
    return Error(why.code(), fmt::format("{}; and this node cannot help itself: {}", why.message(), problem.message()),
                 why.hint());
  };
  auto former = former_of(request);
  if (!former) {
    return cannot(former.error());
  }
  if (*former) {
    auto given = pass_on(request, std::move(**former));
    return given ? given : cannot(given.error());
  }
  auto allocation = allocation_from_block(request, state_.directory, block_use(), last_);
  if (!allocation && allocation.error().code() == Errc::exhausted && !gone_at_.empty()) {
    for (auto& [attachment, forgotten] : gone_at_) {
      forgotten = Deadline{};  // they may come again, and this one is there
    }
    sweep();
    allocation = allocation_from_block(request, state_.directory, block_use(), last_);
  }
  if (!allocation) {
    return cannot(allocation.error());
  }
  auto given = keep(request, std::move(*allocation), GivenHere{}, std::nullopt);
  if (given) {
    ++counters_.of_block;
    last_ = {given->allocation.vni, report_of(request, given->allocation, std::nullopt).addresses.primary()};
    spdlog::info("{}: {} of a block of this node, for the controller does not answer", pod_of(request),
                 given->allocation.addresses());
  }
  return given;
}

Result<void> GivenPorts::try_give(const AllocateRequest& request) const {
  const auto allocation = allocation_from_block(request, state_.directory, block_use(), last_);
  // give() takes the addresses of those that may come again before it has none.
  const bool enough = allocation || (allocation.error().code() == Errc::exhausted && !gone_at_.empty());
  return enough ? ok() : Result<void>(allocation.error());
}

Result<GivenPorts::Given> GivenPorts::pass_on(const AllocateRequest& request, Former former) {
  auto allocation = allocation_passed_on(request, former.record, state_.directory);
  if (!allocation) {
    return allocation.error();
  }
  GivenHere record;
  record.instead_of_release = former.release;
  record.instead_of_given = former.given;
  auto given = keep(request, std::move(*allocation), std::move(record), former.in_place_of);
  if (!given) {
    return given;
  }
  ++counters_.passed_on;
  gone_at_.erase(former.record.attachment);
  table_.leave(former.record.attachment);  // if it is still there: shut before the new one opens
  spdlog::info("{}: {} again, for the controller does not answer", pod_of(request), given->allocation.addresses());
  return given;
}

Result<GivenPorts::Given> GivenPorts::keep(const AllocateRequest& request, Allocation allocation, GivenHere record,
                                           std::optional<Attachment> in_place_of) {
  record.attachment = request.attachment;
  record.report = to_json(report_of(request, allocation, in_place_of)).dump();
  if (const auto noted = journal_.note_durably(record); !noted) {
    return noted.error();
  }
  return Given{std::move(allocation), in_place_of ? in_place_of->str() : std::string(given_of_block)};
}

void GivenPorts::take_back(const Attachment& attachment) {
  const auto given = journal_.state().given.find(attachment);
  if (given != journal_.state().given.end()) {
    if (const auto report = report_in(given->second)) {
      end(attachment, *report);
    }
  }
}

std::set<PortKey> GivenPorts::given_keys() const {
  std::set<PortKey> keys;
  for (const auto& [attachment, given] : journal_.state().given) {
    if (const auto report = report_in(given)) {
      for (const net::IpAddress address : report->addresses.all()) {
        keys.insert({report->vni, address});
      }
    }
  }
  return keys;
}

bool GivenPorts::taken(PortKey key, const std::set<PortKey>& given) const {
  return given.contains(key) || state_.directory.find(key) || !state_.ports.at(key).empty();
}

bool GivenPorts::may_use(const directory::Block& block) const {
  const auto& returned = journal_.state().returned;
  if (block.returning || std::find(returned.begin(), returned.end(), block.id) != returned.end()) {
    return false;
  }
  if (block.use_seconds == 0 || controller_.connected()) {
    return true;
  }
  std::error_code unknown;
  const auto heard = std::filesystem::last_write_time(settings_.heard_file, unknown);
  return !unknown && std::filesystem::file_time_type::clock::now() - heard < std::chrono::seconds(block.use_seconds);
}

BlockUse GivenPorts::block_use() const {
  BlockUse use;
  use.may_use = [this](const directory::Block& block) { return may_use(block); };
  use.taken = [this, given = given_keys()](PortKey key) { return taken(key, given); };
  return use;
}

std::size_t GivenPorts::spare(net::Family family) const {
  const auto given = given_keys();
  std::size_t count = 0;
  for (const auto& [first, block] : state_.directory.blocks()) {
    if (!state_.directory.own(block) || block.range.family() != family || !may_use(block)) {
      continue;
    }
    for (net::IpAddress address = block.range.first;; address = net::next(address)) {
      count += taken({block.vni, address}, given) ? 0U : 1U;
      if (address == block.range.last) {
        break;
      }
    }
  }
  return count;
}

std::size_t GivenPorts::spare() const {
  return spare(net::Family::v4) + spare(net::Family::v6);
}

// The container is gone for good: what the controller still has of it is let go.
void GivenPorts::end(const Attachment& attachment, const GivenReport& report) {
  if (report.in_place_of) {
    ReleaseOwed release;
    release.attachment = *report.in_place_of;
    release.generation = report.generation;
    release.reason = "cni-del";
    release.record = external_ids_of(former_port(report, state_.directory));
    // First, or the release would be taken for one of a port that was passed on.
    if (const auto noted = journal_.note(GivenEnded{attachment}); !noted) {
      spdlog::error("{}", noted.error().text());
      return;
    }
    if (const auto owed = releases_.owe(std::move(release)); !owed) {
      spdlog::error("{}", owed.error().text());
    }
    return;
  }
  if (const auto noted = journal_.note(GivenEnded{attachment}); !noted) {
    spdlog::error("{}", noted.error().text());
  }
}

void GivenPorts::sweep() {
  if (!state_.ovsdb_read || !state_.earlier_boot_done) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::pair<Attachment, GivenReport>> over;
  for (const auto& [attachment, given] : journal_.state().given) {
    if (state_.ports.find(attachment) != nullptr || journal_.state().in_flight.contains(attachment)) {
      gone_at_.erase(attachment);
      continue;
    }
    const auto since = gone_at_.try_emplace(attachment, now + remembered).first;
    const auto report = report_in(given);
    if (report && (controller_.connected() || since->second <= now)) {
      over.emplace_back(attachment, *report);
    }
  }
  for (const auto& [attachment, report] : over) {
    gone_at_.erase(attachment);
    end(attachment, report);
  }
}

asio::awaitable<void> GivenPorts::report_all() {
  std::vector<std::pair<Attachment, GivenReport>> due;
  for (const auto& [attachment, given] : journal_.state().given) {
    const auto* port = state_.ports.find(attachment);
    const auto retry = retries_.find(attachment);
    const bool ready = port != nullptr && port->confirmed && !port->leaving &&
                       !journal_.state().in_flight.contains(attachment) &&
                       (retry == retries_.end() || retry->second.at <= std::chrono::steady_clock::now());
    if (const auto report = ready ? report_in(given) : std::nullopt) {
      due.emplace_back(attachment, *report);
    }
  }
  for (auto& [attachment, report] : due) {
    if (controller_.connected() && journal_.state().given.contains(attachment)) {
      co_await report_one(attachment, std::move(report));
    }
  }
}

asio::awaitable<void> GivenPorts::report_one(Attachment attachment, GivenReport report) {
  const std::string what = fmt::format("{} of {}", report.addresses.str(), pod_of(report.request));
  auto allocation = co_await controller_.given(std::move(report), after(std::chrono::seconds(5)));
  if (!allocation) {
    const bool refused = !allocation.error().info().retryable;
    Retry& retry = retries_[attachment];
    retry.at = after(std::chrono::seconds(refused ? 60 : 2));
    if (refused && retry.problem != allocation.error().text()) {
      ++counters_.refused;
      spdlog::error("the controller refuses what this node gave by itself, {}: {}", what, allocation.error().text());
    }
    retry.problem = refused ? allocation.error().text() : retry.problem;
    co_return;
  }
  retries_.erase(attachment);
  const auto done = co_await adopted(attachment, std::move(*allocation));
  if (done) {
    ++counters_.reported;
    spdlog::info("the controller knows now of {}", what);
  } else {
    spdlog::warn("telling Open vSwitch that the controller knows of {}: {}; tried again", what, done.error().text());
  }
}

// The port has the controller's generation from now on: first in memory, where it must not differ from the directory
// for a moment, then in its record.
asio::awaitable<Result<void>> GivenPorts::adopted(Attachment attachment, Allocation allocation) {
  const auto* port = state_.ports.find(attachment);
  if (port == nullptr || port->leaving) {
    ReleaseOwed release;  // its DEL came meanwhile
    release.attachment = attachment;
    release.generation = allocation.generation;
    release.reason = "cni-del";
    if (const auto noted = journal_.note(GivenEnded{attachment}); !noted) {
      co_return noted.error();
    }
    co_return releases_.owe(std::move(release));
  }
  state_.directory.apply_own(allocation, attachment);
  table_.told(attachment, allocation.generation);
  table_.directory_changed(state_.directory.take_changes());
  std::vector<LocalPort> ports;
  ports.push_back(*state_.ports.find(attachment));
  const auto written = co_await switch_.restore_ports(std::move(ports));
  if (!written) {
    co_return written.error();
  }
  co_return journal_.note(GivenEnded{attachment});
}

bool GivenPorts::in_use(const directory::Block& block) const {
  const auto given = given_keys();
  for (net::IpAddress address = block.range.first;; address = net::next(address)) {
    if (taken({block.vni, address}, given)) {
      return true;
    }
    if (address == block.range.last) {
      return false;
    }
  }
}

asio::awaitable<void> GivenPorts::return_blocks() {
  std::vector<directory::Block> back;
  for (const auto& [first, block] : state_.directory.blocks()) {
    if (state_.directory.own(block) && block.returning && !in_use(block)) {
      back.push_back(block);
    }
  }
  for (const auto& block : back) {
    if (const auto noted = journal_.note_durably(BlockReturned{block.id}); !noted) {
      spdlog::error("{}", noted.error().text());
      co_return;
    }
    const auto returned = co_await controller_.return_block(block.id, after(std::chrono::seconds(5)));
    if (!returned) {
      spdlog::warn("giving back block {} ({}): {}", block.id, block.range.str(), returned.error().text());
      co_return;
    }
    ++counters_.returned;
    spdlog::info("block {} ({}) of pool {} is given back", block.id, block.range.str(), block.pool);
  }
}

asio::awaitable<void> GivenPorts::lease_blocks() {
  const auto now = std::chrono::steady_clock::now();
  if (settings_.pool.empty() || (lease_at_ && now < *lease_at_)) {
    co_return;
  }
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    if (!state_.directory.pools(family).contains(settings_.pool) || spare(family) >= (settings_.block_size + 1) / 2) {
      continue;
    }
    const auto leased =
        co_await controller_.lease_block(settings_.pool, settings_.block_size, family, after(std::chrono::seconds(5)));
    // The directory shows it in a moment; after a refusal somebody has to do something first.
    lease_at_ = after(std::chrono::seconds(leased ? 3 : 30));
    const std::string problem = leased ? "" : leased.error().text();
    if (!problem.empty() && problem != lease_problem_) {
      spdlog::warn("{}", problem);
    }
    lease_problem_ = problem;
    counters_.leased += leased ? 1U : 0U;
  }
}

// For blocks that may be used for a time only.
void GivenPorts::note_heard() {
  const auto now = std::chrono::steady_clock::now();
  if (now < note_heard_at_) {
    return;
  }
  const bool timed =
      std::any_of(state_.directory.blocks().begin(), state_.directory.blocks().end(),
                  [&](const auto& item) { return item.second.use_seconds != 0 && state_.directory.own(item.second); });
  if (timed) {
    std::ofstream(settings_.heard_file, std::ios::trunc) << "the controller was heard\n";
  }
  note_heard_at_ = now + std::chrono::seconds(timed ? 1 : 5);
}

asio::awaitable<void> GivenPorts::run() {
  std::mt19937 random(std::random_device{}());
  for (;;) {
    asio::steady_timer pause(state_.executor, after(std::chrono::milliseconds(500)));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!controller_.connected() || !state_.directory.complete()) {
      settled_.reset();
      sweep();
      continue;
    }
    note_heard();
    // Not all nodes at once when it comes back.
    if (!settled_) {
      settled_ = after(std::chrono::milliseconds(200 + random() % 1800));
    }
    if (std::chrono::steady_clock::now() < *settled_) {
      continue;
    }
    co_await report_all();
    sweep();
    co_await return_blocks();
    co_await lease_blocks();
  }
}

}  // namespace mooring::agent
