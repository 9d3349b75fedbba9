#include "mooring/base/durable_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mooring {
namespace {

std::string way_out_of(int reason) {
  switch (reason) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
      return "the disk is full, or can only be read: make room";
    case ENOENT:
    case ENOTDIR:
      return "make its folder first";
    default:
      return "";
  }
}

Error failed(std::string_view doing, const std::string& path, Errc code, int reason) {
  return Error(code, fmt::format("{} {}: {}", doing, path, std::strerror(reason)), way_out_of(reason));
}

// 0, or why not.
int write_synced(const std::string& path, std::string_view content, unsigned mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) {
    return errno;
  }
  // (What the process masks out of new files is meant here all the same.)
  const bool written = ::fchmod(fd, mode) == 0 && write_all(fd, content) && ::fsync(fd) == 0;
  const int reason = errno;
  ::close(fd);
  return written ? 0 : reason;
}

}  // namespace

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0U);
  }
  return true;
}

Result<void> make_name_durable(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0) {
    ::close(fd);
  }
  if (!synced) {
    return failed("making durable what is in", folder, Errc::io, reason);
  }
  return ok();
}

Result<void> replace_file(const std::string& path, std::string_view content, Errc code, unsigned mode) {
  const std::string next = path + ".new";
  int reason = write_synced(next, content, mode);
  if (reason == 0 && ::rename(next.c_str(), path.c_str()) != 0) {
    reason = errno;
  }
  if (reason != 0) {
    ::unlink(next.c_str());
    return failed("writing", path, code, reason);
  }
  if (auto durable = make_name_durable(path); !durable) {
    return Error(code, durable.error().message(), durable.error().hint());
  }
  return ok();
}

}  // namespace mooring
