#include "ipam-controller/store/sqlite_copy.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sqlite3.h>

namespace mooring::controller {
namespace {

constexpr int pages_a_step = 256;  // 1 MiB
constexpr std::uint64_t spare_bytes = 64ULL << 20;
constexpr int findings_shown = 3;

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) : path_(path), number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (number_ < 0) {
      throw std::system_error(errno, std::generic_category(), "opening " + path);
    }
  }
  ~OpenFile() { ::close(number_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  void sync() const {
    if (::fsync(number_) != 0) {
      throw std::system_error(errno, std::generic_category(), "syncing " + path_);
    }
  }

 private:
  std::string path_;
  int number_;
};

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A disk filled by a copy would stop the controller.
void check_room(SqliteConnection& source, const std::string& path) {
  struct statvfs disk {};
  if (::statvfs(folder_of(path).c_str(), &disk) != 0) {
    throw std::system_error(errno, std::generic_category(), "looking at the folder of " + path);
  }
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const auto needed =
      static_cast<std::uint64_t>(source.query_number("PRAGMA page_count") * source.query_number("PRAGMA page_size"));
  if (free_bytes < needed + spare_bytes) {
    throw SqliteFailure(
        SQLITE_FULL, 0,
        fmt::format("copying the database needs {} MiB and {} MiB to spare in {}, which has {} MiB free",
                    (needed >> 20) + 1, spare_bytes >> 20, folder_of(path), free_bytes >> 20));
  }
}

// Removes what is half-way there.
struct PartFile {
  explicit PartFile(std::string path_) : path(std::move(path_)) {
    ::unlink(path.c_str());
    const OpenFile made(path, O_RDWR | O_CREAT | O_EXCL);  // here, for its mode
  }
  ~PartFile() { ::unlink(path.c_str()); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  std::string path;
};

bool copy_at_one_moment(SqliteConnection& source, SqliteConnection& target, const SqliteConnection::CopyStep& step) {
  source.execute("BEGIN");
  try {
    source.query_number("SELECT count(*) FROM sqlite_master");  // the moment
    const bool whole = source.copy_to(target, pages_a_step, step);
    source.execute("COMMIT");
    return whole;
  } catch (...) {
    if (source.in_transaction()) {
      source.execute("ROLLBACK");
    }
    throw;
  }
}

}  // namespace

void sync_folder_of(const std::string& path) {
  OpenFile(folder_of(path), O_RDONLY | O_DIRECTORY).sync();
}

void check_integrity(SqliteConnection& connection) {
  SqliteStatement check(connection, "PRAGMA integrity_check");
  std::string findings;
  for (int i = 0; i < findings_shown && check.step(); ++i) {
    findings += (findings.empty() ? "" : "; ") + check.text();
  }
  if (findings != "ok") {
    throw SqliteFailure(SQLITE_CORRUPT, 0, "the database is damaged: " + findings);
  }
}

bool copy_database(SqliteConnection& source, const std::string& path, const SqliteConnection::CopyStep& step) {
  check_room(source, path);
  const PartFile part(path + ".part");
  {
    SqliteConnection target(part.path, "", SqliteConnection::Mode::read_write);
    target.execute("PRAGMA journal_mode = OFF");  // nobody sees the file before it is whole
    target.execute("PRAGMA synchronous = OFF");
    if (!copy_at_one_moment(source, target, step)) {
      return false;
    }
    target.execute("PRAGMA journal_mode = DELETE");  // one file, that can be read where nothing can be written
    check_integrity(target);
  }
  OpenFile(part.path, O_RDONLY).sync();
  if (std::rename(part.path.c_str(), path.c_str()) != 0) {
    throw std::system_error(errno, std::generic_category(), "renaming " + part.path);
  }
  sync_folder_of(path);
  return true;
}

}  // namespace mooring::controller
