#include "ipam-controller/store/sqlite_store.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/store/sqlite_copy.hpp"

namespace mooring::controller {
namespace {

// SQLite syncs its files; that a new file has a name is up to us. It is made with mode 0600: it says who runs where.
Result<void> make_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return Error(Errc::storage, std::strerror(errno), "make the folder, and let the controller write to it");
  }
  ::close(file);
  try {
    sync_folder_of(path);
  } catch (const std::exception& failure) {
    return Error(Errc::storage, failure.what(), "look at the disk: dmesg");
  }
  return ok();
}

void tell(const SchemaChange& change, const std::string& path) {
  if (change.from != 0 && change.from != change.to) {
    spdlog::info("store {}: brought from format {} to {}; {} is how it was", path, change.from, change.to,
                 change.backup);
  }
}

}  // namespace

SqliteStore::SqliteStore(SqliteOptions options, Post post, FileLock lock)
    : options_(std::move(options)), post_(std::move(post)), lock_(std::move(lock)), backup_(options_, post_) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options, Post post) {
  const std::string doing = fmt::format("opening the store {}", options.path);
  auto lock = FileLock::acquire(options.path + ".lock");
  if (!lock) {
    return lock.error().within(doing);
  }
  if (auto made = make_file(options.path); !made) {
    return made.error().within(doing);
  }
  std::unique_ptr<SqliteStore> store(new SqliteStore(options, std::move(post), std::move(*lock)));
  try {
    store->session_ = std::make_unique<SqliteSession>(options);
    store->ledger_committed();
    const StoreInfo info = store->session_->info();
    store->stored_ = info.revision;
    if (info.restoring) {
      // What the nodes said to a controller before this one is forgotten: they say it again to a new incarnation.
      store->session_->renew_incarnation();
    }
  } catch (const UnsupportedFile& file) {
    return Error(Errc::unsupported, fmt::format("{}: {}", doing, file.what()), file.hint);
  } catch (const std::exception& failure) {
    return error_of(failure, doing);
  }
  tell(store->session_->schema_change(), options.path);
  store->thread_ = std::thread(&SqliteStore::work, store.get());
  return store;
}

SqliteStore::~SqliteStore() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
  backup_.cancel();
}

Result<StoreInfo> SqliteStore::load(const std::function<void(const Write&)>& each) {
  try {
    session_->load(each);
    StoreInfo info = session_->info();
    info.events = session_->events();
    info.cursors = session_->cursors();
    return info;
  } catch (const std::exception& failure) {
    return error_of(failure, fmt::format("loading the store {}", options_.path));
  }
}

void SqliteStore::commit(Batch batch, Callback<void> done) {
  enqueue([this, batch = std::move(batch), done = std::move(done)] {
    const Result<void> outcome = write(batch);
    if (!outcome) {
      spdlog::error("revision {} is not stored: {}", batch.revision, outcome.error().text());
    }
    post_([done, outcome] { done(outcome); });
    tend_wal([](SqliteSession& session) { session.move_wal(false); });
  });
}

Result<void> SqliteStore::write(const Batch& batch) {
  const Revision before = stored_;
  bool tried = false;
  Result<void> outcome = on_session(fmt::format("writing to the store {}", options_.path), [&](SqliteSession& session) {
    tried = true;
    session.write(batch);
  });
  if (outcome) {
    stored_ = batch.revision;
  } else if (tried && session_ == nullptr) {
    // Perhaps the disk has kept it: only a look can tell, and nobody may be told "no" before. (A batch without a
    // revision of its own has nothing that tells: events alone, which are written again.)
    if (const auto open = reopen(batch.revision); open && stored_ == batch.revision && stored_ != before) {
      outcome = ok();
    }
  }
  if (session_ != nullptr) {
    ledger_committed();
  }
  return outcome;
}

void SqliteStore::changes_since(Revision after, Revision up_to, std::size_t limit, Callback<ChangeLogPage> done) {
  enqueue([this, after, up_to, limit, done = std::move(done)] {
    ChangeLogPage page;
    const Result<void> outcome =
        on_session(fmt::format("reading the change log of {}", options_.path),
                   [&](SqliteSession& session) { page = session.changes(after, up_to, limit); });
    if (!outcome) {
      spdlog::error("{}", outcome.error().text());
      post_([done, error = outcome.error()] { done(error); });
      return;
    }
    post_([done, page = std::move(page)] { done(page); });
  });
}

void SqliteStore::backup(std::string path, Progress progress, Callback<BackupCopy> done) {
  backup_.start(path, std::move(progress), std::move(done));
}

void SqliteStore::enqueue(std::function<void()> job) {
  {
    const std::lock_guard guard(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void SqliteStore::work() {
  std::unique_lock guard(mutex_);
  while (true) {
    wake_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) {
      return;
    }
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool last = jobs_.empty();
    guard.unlock();
    job();
    if (last) {
      tend_wal([](SqliteSession& session) { session.move_wal(true); });
    }
    guard.lock();
  }
}

}  // namespace mooring::controller
