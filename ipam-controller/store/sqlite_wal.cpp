#include "ipam-controller/store/sqlite_wal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <sqlite3.h>

#include "ipam-controller/store/sqlite.hpp"

namespace mooring::controller {
namespace {

constexpr sqlite3_int64 bytes_at_once = 64 * 1024;  // SQLite's files take less than 128 KiB at a time

// An open file of a VFS, and the names that SQLite wants to be allocated in its own way.
class VfsFile {
 public:
  VfsFile(const std::string& path, sqlite3_vfs& vfs)
      : names_(sqlite3_create_filename(path.c_str(), "", (path + "-wal").c_str(), 0, nullptr)),
        memory_(static_cast<std::size_t>(vfs.szOsFile)),
        file_(reinterpret_cast<sqlite3_file*>(memory_.data())) {
    const int flags = SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE;
    const int result = vfs.xOpen(&vfs, sqlite3_filename_wal(names_), file_, flags, nullptr);
    if (result != SQLITE_OK) {
      close();
      throw SqliteFailure(result, 0, "opening the WAL");
    }
  }
  ~VfsFile() { close(); }
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;

  sqlite3_file* operator->() { return file_; }
  sqlite3_file* get() { return file_; }

 private:
  void close() {
    if (file_->pMethods != nullptr) {
      file_->pMethods->xClose(file_);
    }
    sqlite3_free_filename(names_);
  }

  sqlite3_filename names_;
  std::vector<std::max_align_t> memory_;
  sqlite3_file* file_;
};

void check(int result, const char* doing) {
  if (result != SQLITE_OK) {
    throw SqliteFailure(result, 0, fmt::format("{} the WAL: {}", doing, sqlite3_errstr(result)));
  }
}

sqlite3_vfs& find_vfs(const std::string& name) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(name.empty() ? nullptr : name.c_str());
  if (vfs == nullptr) {
    throw SqliteFailure(SQLITE_ERROR, 0, fmt::format("there is no VFS '{}'", name));
  }
  return *vfs;
}

std::uint32_t word_at(const char* bytes, bool big_endian) {
  std::uint32_t word = 0;
  for (int i = 0; i < 4; ++i) {
    const int at = big_endian ? i : 3 - i;
    word = (word << 8) | static_cast<unsigned char>(bytes[at]);
  }
  return word;
}

// Runs over header and frames as SQLite's recovery does.
class WalChecksum {
 public:
  explicit WalChecksum(bool big_endian) : big_endian_(big_endian) {}
  void add(const char* bytes, std::size_t count) {
    for (std::size_t at = 0; at < count; at += 8) {
      first_ += word_at(bytes + at, big_endian_) + second_;
      second_ += word_at(bytes + at + 4, big_endian_) + first_;
    }
  }
  bool matches(const char* stored) const {
    return word_at(stored, true) == first_ && word_at(stored + 4, true) == second_;
  }

 private:
  bool big_endian_;
  std::uint32_t first_ = 0;
  std::uint32_t second_ = 0;
};

// Where the last transaction but one ends; 0: there is one at most.
sqlite3_int64 end_of_last_but_one(VfsFile& wal) {
  constexpr std::size_t header_bytes = 32;
  constexpr std::size_t frame_header_bytes = 24;
  constexpr std::uint32_t magic_little_endian = 0x377f0682;
  std::array<char, header_bytes> header{};
  check(wal->pMethods->xRead(wal.get(), header.data(), header.size(), 0), "reading");
  const std::size_t page_bytes = word_at(header.data() + 8, true);
  WalChecksum sum(word_at(header.data(), true) != magic_little_endian);
  sum.add(header.data(), 24);
  sqlite3_int64 size = 0;
  check(wal->pMethods->xFileSize(wal.get(), &size), "measuring");
  std::vector<char> frame(frame_header_bytes + page_bytes);
  const auto frame_bytes = static_cast<sqlite3_int64>(frame.size());
  sqlite3_int64 last = 0;
  sqlite3_int64 last_but_one = 0;
  for (sqlite3_int64 at = header_bytes; at + frame_bytes <= size; at += frame_bytes) {
    check(wal->pMethods->xRead(wal.get(), frame.data(), static_cast<int>(frame.size()), at), "reading");
    sum.add(frame.data(), 8);
    sum.add(frame.data() + frame_header_bytes, page_bytes);
    const bool of_this_wal = std::equal(frame.begin() + 8, frame.begin() + 16, header.begin() + 16);  // the salts
    if (!of_this_wal || !sum.matches(frame.data() + 16)) {
      break;
    }
    if (word_at(frame.data() + 4, true) != 0) {  // the last frame of a transaction
      last_but_one = last;
      last = at + frame_bytes;
    }
  }
  return last_but_one;
}

}  // namespace

void make_wal_durable(const std::string& path, const std::string& vfs_name) {
  sqlite3_vfs& vfs = find_vfs(vfs_name);
  int exists = 0;
  check(vfs.xAccess(&vfs, (path + "-wal").c_str(), SQLITE_ACCESS_EXISTS, &exists), "looking for");
  if (exists == 0) {
    return;
  }
  VfsFile wal(path, vfs);
  sqlite3_int64 size = 0;
  check(wal->pMethods->xFileSize(wal.get(), &size), "measuring");
  std::vector<char> bytes(static_cast<std::size_t>(std::min(size, bytes_at_once)));
  for (sqlite3_int64 at = 0; at < size; at += bytes_at_once) {
    const int count = static_cast<int>(std::min(size - at, bytes_at_once));
    check(wal->pMethods->xRead(wal.get(), bytes.data(), count, at), "reading");
    check(wal->pMethods->xWrite(wal.get(), bytes.data(), count, at), "rewriting");
  }
  check(wal->pMethods->xSync(wal.get(), SQLITE_SYNC_NORMAL), "syncing");
}

void drop_last_transaction(const std::string& path, const std::string& vfs_name) {
  VfsFile wal(path, find_vfs(vfs_name));
  check(wal->pMethods->xTruncate(wal.get(), end_of_last_but_one(wal)), "cutting");
  check(wal->pMethods->xSync(wal.get(), SQLITE_SYNC_NORMAL), "syncing");
}

}  // namespace mooring::controller
