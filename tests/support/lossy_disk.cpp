#include "support/lossy_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <vector>

#include <sqlite3.h>

namespace mooring::tests {
namespace {

constexpr std::size_t sector_bytes = 512;

// Written, or cut (`cut`: `offset` is the new size), and not synced yet.
struct Pending {
  std::size_t offset = 0;
  std::string bytes;
  bool cut = false;
};

struct Node {
  std::string content;           // what readers see
  std::string durable;           // what is on the disk, if `on_disk`
  std::vector<Pending> pending;  // from `durable` to `content`; from nothing if `fresh`
  bool exists = true;
  bool on_disk = false;
  bool fresh = true;  // made since the last sync
  std::vector<std::unique_ptr<char[]>> shared_memory;
  int shared_by = 0;
};

void write_into(std::string& content, std::size_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) {
    content.resize(offset + bytes.size(), '\0');
  }
  content.replace(offset, bytes.size(), bytes);
}

void apply(std::string& content, const Pending& change) {
  if (change.cut) {
    content.resize(std::min(change.offset, content.size()));
  } else {
    write_into(content, change.offset, change.bytes);
  }
}

}  // namespace

class LossyDisk::Impl {
 public:
  explicit Impl(unsigned seed);
  ~Impl() { sqlite3_vfs_unregister(&vfs_); }

  std::mutex mutex;
  std::mt19937 random;
  std::map<std::string, Node> files;
  std::uint64_t operations = 0;
  std::uint64_t power_until = 0;  // operations; 0: for ever
  bool dead = false;
  int last_error = 0;
  Faults faults;
  std::string name;

  // What an operation comes to. Under the mutex.
  int outcome(Operation operation, const std::string& path);
  // One that no fault is asked about.
  int count_operation();
  void sync(Node& node);
  void lose_some(Node& node);
  void settle(const std::string& path, Node& node);

  static int write(sqlite3_file* file, const void* data, int count, sqlite3_int64 offset);
  static int truncate(sqlite3_file* file, sqlite3_int64 size);
  static int sync_file(sqlite3_file* file, int flags);
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_folder);
  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out);

  sqlite3_vfs vfs_{};
};

namespace {

struct OpenFile {
  sqlite3_file base;
  LossyDisk::Impl* disk;
  Node* node;
  const std::string* path;
  bool shares;
};

OpenFile& opened(sqlite3_file* file) {
  return *reinterpret_cast<OpenFile*>(file);
}

// --- what needs no decision ----------------------------------------------------------------------------------------

int close_file(sqlite3_file*) {
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* data, int count, sqlite3_int64 offset) {
  const OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  if (of.disk->dead) {
    return SQLITE_IOERR_READ;
  }
  const std::string& content = of.node->content;
  const auto from = std::min(static_cast<std::size_t>(offset), content.size());
  const auto size = std::min(static_cast<std::size_t>(count), content.size() - from);
  std::memcpy(data, content.data() + from, size);
  std::memset(static_cast<char*>(data) + size, 0, static_cast<std::size_t>(count) - size);
  return size == static_cast<std::size_t>(count) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  const OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  *size = static_cast<sqlite3_int64>(of.node->content.size());
  return of.disk->dead ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

int lock_file(sqlite3_file*, int) {
  return SQLITE_OK;
}
int check_reserved_lock(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}
int file_control(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
  return sector_bytes;
}
int device_characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;  // as SQLite assumes of real disks
}

int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
  OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  *memory = nullptr;
  if (of.disk->dead) {
    return SQLITE_IOERR_SHMMAP;
  }
  if (!of.shares) {
    of.shares = true;
    ++of.node->shared_by;
  }
  auto& regions = of.node->shared_memory;
  const auto wanted = static_cast<std::size_t>(region) + 1;
  while (extend != 0 && regions.size() < wanted) {
    regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  }
  if (regions.size() >= wanted) {
    *memory = regions[wanted - 1].get();
  }
  return SQLITE_OK;
}
int lock_shared(sqlite3_file*, int, int, int) {
  return SQLITE_OK;
}
void barrier(sqlite3_file* file) {
  const std::lock_guard guard(opened(file).disk->mutex);
}
// The last one takes the index of the WAL along: the next to open builds it from the WAL.
int unmap_shared(sqlite3_file* file, int) {
  OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  if (of.shares && --of.node->shared_by == 0) {
    of.node->shared_memory.clear();
  }
  of.shares = false;
  return SQLITE_OK;
}

LossyDisk::Impl& disk_of(sqlite3_vfs* vfs) {
  return *static_cast<LossyDisk::Impl*>(vfs->pAppData);
}

int access_file(sqlite3_vfs* vfs, const char* path, int, int* answer) {
  LossyDisk::Impl& disk = disk_of(vfs);
  const std::lock_guard guard(disk.mutex);
  const auto it = disk.files.find(path);
  *answer = it != disk.files.end() && it->second.exists ? 1 : 0;
  return disk.dead ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int size, char* full) {
  sqlite3_snprintf(size, full, "%s", path);
  return SQLITE_OK;
}

int error_number(sqlite3_vfs* vfs, int, char*) {
  return disk_of(vfs).last_error;
}

}  // namespace

// --- what the disk decides ------------------------------------------------------------------------------------------

int LossyDisk::Impl::count_operation() {
  if (!dead && ++operations == power_until) {
    dead = true;
  }
  last_error = dead ? EIO : 0;
  return dead ? SQLITE_IOERR : SQLITE_OK;
}

int LossyDisk::Impl::outcome(Operation operation, const std::string& path) {
  if (const int failed = count_operation(); failed != SQLITE_OK) {
    return failed;
  }
  const Outcome fault = faults ? faults(operation, path) : Outcome::done;
  if (fault == Outcome::done) {
    return SQLITE_OK;
  }
  last_error = fault == Outcome::no_space ? ENOSPC : EIO;
  if (operation == Operation::write) {
    return fault == Outcome::no_space ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  return operation == Operation::sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_TRUNCATE;
}

int LossyDisk::Impl::write(sqlite3_file* file, const void* data, int count, sqlite3_int64 offset) {
  OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  const int result = of.disk->outcome(Operation::write, *of.path);
  // One that fails may have done a part, also the one under way when the power fails.
  const auto size = static_cast<std::size_t>(result == SQLITE_OK ? count : count / 2);
  const std::string_view bytes(static_cast<const char*>(data), size);
  write_into(of.node->content, static_cast<std::size_t>(offset), bytes);
  of.node->pending.push_back({static_cast<std::size_t>(offset), std::string(bytes), false});
  return result;
}

int LossyDisk::Impl::truncate(sqlite3_file* file, sqlite3_int64 size) {
  OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  const int result = of.disk->outcome(Operation::truncate, *of.path);
  if (result == SQLITE_OK) {
    const Pending cut{static_cast<std::size_t>(size), "", true};
    apply(of.node->content, cut);
    of.node->pending.push_back(cut);
  }
  return result;
}

void LossyDisk::Impl::sync(Node& node) {
  if (node.fresh) {
    node.durable.clear();
    // SQLite syncs the folder too, the first time: then what was deleted in it is gone for good.
    for (auto& [path, other] : files) {
      other.on_disk = other.on_disk && other.exists;
    }
  }
  for (const Pending& change : node.pending) {
    apply(node.durable, change);
  }
  node.pending.clear();
  node.fresh = false;
  node.on_disk = true;
}

// From what is pending to what is there: each sector for itself.
void LossyDisk::Impl::lose_some(Node& node) {
  if (node.fresh) {
    node.durable.clear();
  }
  const auto kept_of_8 = random() % 9;  // none, some, all
  const auto kept = [&] { return random() % 8 < kept_of_8; };
  for (const Pending& change : node.pending) {
    if (change.cut) {
      if (kept()) {
        apply(node.durable, change);
      }
      continue;
    }
    for (std::size_t at = 0; at < change.bytes.size();) {
      const std::size_t to_boundary = sector_bytes - (change.offset + at) % sector_bytes;
      const std::size_t size = std::min(to_boundary, change.bytes.size() - at);
      if (kept()) {
        const std::size_t torn = random() % 8 == 0 ? random() % (size + 1) : size;
        write_into(node.durable, change.offset + at, std::string_view(change.bytes).substr(at, torn));
      }
      at += size;
    }
  }
  // The size may have come to the disk without the bytes: then what is there is anything.
  if (node.content.size() > node.durable.size() && random() % 2 == 0) {
    const char filling = random() % 2 == 0 ? '\0' : static_cast<char>(random());
    node.durable.resize(node.durable.size() + random() % (node.content.size() - node.durable.size() + 1), filling);
  }
  node.pending.clear();
  node.fresh = false;
  node.on_disk = true;
}

int LossyDisk::Impl::sync_file(sqlite3_file* file, int) {
  OpenFile& of = opened(file);
  const std::lock_guard guard(of.disk->mutex);
  const int result = of.disk->outcome(Operation::sync, *of.path);
  if (result == SQLITE_OK) {
    of.disk->sync(*of.node);
  } else if (!of.disk->dead) {
    of.disk->lose_some(*of.node);  // and readers go on seeing all of it
  }
  return result;
}

int LossyDisk::Impl::remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  Impl& disk = disk_of(vfs);
  const std::lock_guard guard(disk.mutex);
  if (disk.count_operation() != SQLITE_OK) {
    return SQLITE_IOERR_DELETE;
  }
  const auto it = disk.files.find(path);
  if (it == disk.files.end() || !it->second.exists) {
    return SQLITE_IOERR_DELETE_NOENT;
  }
  Node& node = it->second;
  node.exists = false;
  node.pending.clear();
  node.content.clear();
  node.on_disk = node.on_disk && sync_folder == 0;
  return SQLITE_OK;
}

int LossyDisk::Impl::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  static const sqlite3_io_methods methods = {2,
                                             &close_file,
                                             &read_file,
                                             &Impl::write,
                                             &Impl::truncate,
                                             &Impl::sync_file,
                                             &file_size,
                                             &lock_file,
                                             &lock_file,
                                             &check_reserved_lock,
                                             &file_control,
                                             &sector_size,
                                             &device_characteristics,
                                             &map_shared,
                                             &lock_shared,
                                             &barrier,
                                             &unmap_shared,
                                             nullptr,
                                             nullptr};
  Impl& disk = disk_of(vfs);
  const std::lock_guard guard(disk.mutex);
  file->pMethods = nullptr;
  if (disk.dead || path == nullptr) {
    return SQLITE_CANTOPEN;
  }
  auto it = disk.files.find(path);
  if (it == disk.files.end() || !it->second.exists) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) {
      return SQLITE_CANTOPEN;
    }
    it = disk.files.try_emplace(path).first;
    it->second.exists = true;
    it->second.fresh = true;
  }
  OpenFile& of = opened(file);
  of = OpenFile{{&methods}, &disk, &it->second, &it->first, false};
  if (flags_out != nullptr) {
    *flags_out = flags;
  }
  return SQLITE_OK;
}

// What is there after the power failed.
void LossyDisk::Impl::settle(const std::string& path, Node& node) {
  const bool name_may_go = path.ends_with("-wal") || path.ends_with("-journal");  // the store keeps its file's own name
  if (!node.exists || (node.fresh && node.on_disk)) {
    if (node.on_disk && random() % 2 == 0) {  // deleted, and the folder was not synced: the old one is back
      node.fresh = false;
      node.pending.clear();
    } else if (!node.exists) {
      node.on_disk = false;
    } else {
      lose_some(node);
    }
  } else if (node.fresh && name_may_go && random() % 2 == 0) {
    node.on_disk = false;
  } else {
    lose_some(node);
  }
  node.exists = node.on_disk;
  node.content = node.exists ? node.durable : std::string();
  node.shared_memory.clear();
  node.shared_by = 0;
}

LossyDisk::Impl::Impl(unsigned seed) : random(seed) {
  static int count = 0;
  name = "mooring-lossy-" + std::to_string(++count);
  vfs_ = *sqlite3_vfs_find(nullptr);  // for time, sleep and chance
  vfs_.szOsFile = sizeof(OpenFile);
  vfs_.pNext = nullptr;
  vfs_.zName = name.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = &Impl::open;
  vfs_.xDelete = &Impl::remove;
  vfs_.xAccess = &access_file;
  vfs_.xFullPathname = &full_path;
  vfs_.xGetLastError = &error_number;
  sqlite3_vfs_register(&vfs_, 0);
}

LossyDisk::LossyDisk(unsigned seed) : impl_(std::make_unique<Impl>(seed)) {}
LossyDisk::~LossyDisk() = default;

const std::string& LossyDisk::vfs() const {
  return impl_->name;
}

void LossyDisk::fail_power_after(std::uint64_t count) {
  const std::lock_guard guard(impl_->mutex);
  impl_->power_until = count == 0 ? 0 : impl_->operations + count;
}

bool LossyDisk::power_failed() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->dead;
}

std::uint64_t LossyDisk::operations() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->operations;
}

void LossyDisk::restore_power() {
  const std::lock_guard guard(impl_->mutex);
  for (auto& [path, node] : impl_->files) {
    impl_->settle(path, node);
  }
  impl_->dead = false;
  impl_->power_until = 0;
}

void LossyDisk::inject(Faults faults) {
  const std::lock_guard guard(impl_->mutex);
  impl_->faults = std::move(faults);
}

void LossyDisk::import_file(const std::string& from, const std::string& to) {
  std::ifstream file(from, std::ios::binary);
  if (!file) {
    throw std::runtime_error("reading " + from);
  }
  const std::lock_guard guard(impl_->mutex);
  Node& node = impl_->files[to];
  node.content.assign(std::istreambuf_iterator<char>(file), {});
  node.durable = node.content;
  node.on_disk = true;
  node.fresh = false;
}

}  // namespace mooring::tests
