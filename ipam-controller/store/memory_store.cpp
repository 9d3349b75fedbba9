#include "ipam-controller/store/memory_store.hpp"

#include <tuple>
#include <utility>

#include "ipam-controller/domain/event_log.hpp"
#include "ipam-controller/store/incarnation.hpp"

namespace mooring::controller {

struct MemoryDisk::Tables {
  // In the order of loading: an object after those it refers to.
  template <class... T>
  using Maps = std::tuple<std::map<typename T::Key, T>...>;
  Maps<Network, Subnet, Pool, Reservation, Rule, Node, Gateway, Vip, Webhook, AddressList, AccessRule, ListedBlock,
       Block, ExtraAddress, Binding, Port, Resting, FencedUid>
      all;

  template <class T>
  auto& table() {
    return std::get<std::map<typename T::Key, T>>(all);
  }
  template <class T>
  void apply(const T& object) {
    table<T>().insert_or_assign(object.key(), object);
  }
  template <class T>
  void apply(const Erase<T>& erased) {
    table<T>().erase(erased.key);
  }
};

MemoryDisk::MemoryDisk(std::size_t change_log_limit)
    : incarnation_(new_incarnation()), tables_(std::make_unique<Tables>()), change_log_limit_(change_log_limit) {}

MemoryDisk::~MemoryDisk() = default;

MemoryStore::MemoryStore(MemoryDisk& disk, Post post)
    : disk_(disk), post_(std::move(post)), ledger_(disk.ledger(), post_) {}

Result<StoreInfo> MemoryStore::load(const std::function<void(const Write&)>& each) {
  const auto hand_out = [&](const auto& table) {
    for (const auto& [key, object] : table) {
      each(object);
    }
  };
  std::apply([&](const auto&... tables) { (hand_out(tables), ...); }, disk_.tables_->all);
  return StoreInfo{disk_.incarnation_,
                   disk_.revision_,
                   disk_.now_ms_,
                   disk_.restoring_,
                   {disk_.events_.begin(), disk_.events_.end()},
                   disk_.cursors_};
}

void MemoryStore::commit(Batch batch, Callback<void> done) {
  if (disk_.failure_) {
    post_([done = std::move(done), error = *disk_.failure_] { done(error); });
    return;
  }
  for (const Write& write : batch.writes) {
    std::visit([this](const auto& row) { disk_.tables_->apply(row); }, write);
  }
  disk_.ledger_.append(batch.audit);
  disk_.revision_ = batch.revision;
  disk_.now_ms_ = batch.now_ms;
  for (EventRecord& event : batch.events) {
    disk_.events_.push_back(std::move(event));
    if (disk_.events_.size() > EventLog::limit) {
      disk_.events_.pop_front();
    }
  }
  if (batch.cursors) {
    disk_.cursors_ = std::move(*batch.cursors);
  }
  for (const ChangeSet& changes : batch.changes) {
    disk_.logged_changes_ += changes.changes.size();
    disk_.log_.push_back(logged(changes));
  }
  if (batch.restored) {
    disk_.restoring_ = false;
    disk_.log_.clear();
    disk_.logged_changes_ = 0;
    disk_.trimmed_up_to_ = batch.revision;
  }
  while (disk_.logged_changes_ > disk_.change_log_limit_) {
    disk_.logged_changes_ -= disk_.log_.front().texts.size();
    disk_.trimmed_up_to_ = disk_.log_.front().revision;
    disk_.log_.pop_front();
  }
  post_([done = std::move(done)] { done(ok()); });
}

void MemoryStore::changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) {
  ChangeLogPage page;
  page.too_old = after < disk_.trimmed_up_to_;
  std::size_t count = 0;
  for (const LoggedChanges& changes : disk_.log_) {
    if (page.too_old || changes.revision <= after || changes.revision > up_to) {
      continue;
    }
    if (count != 0 && count + changes.texts.size() > limit) {
      page.more = true;
      break;
    }
    count += changes.texts.size();
    page.changes.push_back(changes);
  }
  post_([done = std::move(done), page = std::move(page)] { done(page); });
}

void MemoryStore::backup(std::string path, Progress, Callback<BackupCopy> done) {
  const Error error(Errc::unsupported, "backing up to " + path + ": this store is in memory alone");
  post_([done = std::move(done), error] { done(error); });
}

}  // namespace mooring::controller
