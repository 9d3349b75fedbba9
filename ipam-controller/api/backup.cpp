// GET /v1/backup: the whole store as one SQLite file, of one moment (docs/storage.md, "Backup and restore").
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {
namespace {

constexpr std::size_t block_bytes = 256 * 1024;

// The copy has no name any more: it is gone with the last reader, however that ends.
class NamelessFile {
 public:
  explicit NamelessFile(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), error_(errno) {
    ::unlink(path.c_str());
  }
  ~NamelessFile() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;
  bool open() const { return number_ >= 0; }
  std::string error() const { return std::strerror(error_); }

  // "" at the end; none: it cannot be read.
  std::shared_ptr<const std::string> next() {
    auto block = std::make_shared<std::string>(block_bytes, '\0');
    const ssize_t count = ::pread(number_, block->data(), block->size(), at_);
    if (count < 0) {
      error_ = errno;
      return nullptr;
    }
    at_ += count;
    block->resize(static_cast<std::size_t>(count));
    return block;
  }

 private:
  int number_;
  int error_;
  off_t at_ = 0;
};

// A reader that gets less than the header promised knows that it is not whole.
asio::awaitable<void> send_file(std::shared_ptr<NamelessFile> file, http::LineSink& sink) {
  while (true) {
    const std::shared_ptr<const std::string> block = file->next();
    if (block == nullptr) {
      spdlog::error("api: sending a backup: reading the copy: {}", file->error());
      co_return;
    }
    if (block->empty()) {
      co_return;
    }
    const Result<void> sent = co_await sink.write(block);
    if (!sent) {
      spdlog::warn("api: sending a backup: {}", sent.error().text());
      co_return;
    }
  }
}

asio::awaitable<Answered> backup(Services& services, const Call& call) {
  if (const auto known = only_parameters(call, {}); !known) {
    co_return known.error();
  }
  const Start<BackupCopy> start = [&services](Callback<BackupCopy> done) {
    services.ipam.backup(services.backup_path, nullptr, std::move(done));
  };
  const Result<BackupCopy> copy = co_await when_done(start);
  if (!copy) {
    co_return copy.error();
  }
  const auto file = std::make_shared<NamelessFile>(copy->path);
  if (!file->open()) {
    co_return Error(Errc::io, fmt::format("opening the backup {}: {}", copy->path, file->error()));
  }
  spdlog::info("api: backup of revision {} ({} bytes) for {}", copy->revision, copy->bytes, call.request.peer.str());
  http::Stream stream([file](http::LineSink& sink) { return send_file(file, sink); });
  stream.content_type = "application/vnd.sqlite3";
  stream.headers.emplace_back("Mooring-Backup-Bytes", std::to_string(copy->bytes));
  stream.headers.emplace_back("Mooring-Revision", std::to_string(copy->revision));
  stream.headers.emplace_back("Mooring-Incarnation", copy->incarnation);
  co_return http::Answer(std::move(stream));
}

constexpr Route routes[] = {
    {"GET", "/v1/backup", Access::admin, &backup},
};

}  // namespace

std::span<const Route> backup_routes() {
  return routes;
}

}  // namespace mooring::controller
