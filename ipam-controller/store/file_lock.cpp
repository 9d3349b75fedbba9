#include "ipam-controller/store/file_lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

std::string first_line(int descriptor) {
  std::array<char, 32> buffer{};
  const auto size = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  const std::string text(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  return text.substr(0, text.find('\n'));
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Error(Errc::io, fmt::format("opening {}: {}", path, std::strerror(errno)),
                 "make the folder, and let the controller write to it");
  }
  FileLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const std::string pid = first_line(descriptor);
    return Error(Errc::conflict,
                 fmt::format("another mooring-controller uses it (pid {})", pid.empty() ? "unknown" : pid),
                 "stop that one first, or give this one another --store");
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // The name of the holder is a courtesy to others: a full disk is no reason not to start.
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

}  // namespace mooring::controller
