// A network namespace, held open by its file descriptor, and the way into it and back.
//
// Entering concerns the calling thread alone (setns(2) with CLONE_NEWNET). Coming back is guaranteed: if the kernel
// refused it, the thread would go on in a foreign namespace and change the wrong machine, so the process ends instead.
// Errors: Errc::not_found (nothing at that path), Errc::invalid_argument (not a network namespace),
// Errc::permission_denied, Errc::io.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "mooring/base/error.hpp"

namespace mooring::netlink {

// A file descriptor with one owner, closed at its end.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class NetworkNamespace {
 public:
  // The calling thread's.
  static Result<NetworkNamespace> current();
  // That of a path like /run/netns/NAME or /proc/PID/ns/net.
  static Result<NetworkNamespace> open(const std::string& path);

  int fd() const { return fd_.get(); }
  // As it was opened, for messages.
  const std::string& path() const { return path_; }
  // Two paths can name one namespace: device and inode decide.
  bool same_as(const NetworkNamespace& other) const { return device_ == other.device_ && inode_ == other.inode_; }
  std::uint64_t inode() const { return inode_; }

  // Calls `work` with the calling thread inside this namespace, and comes back, also when `work` throws.
  // `work` must not start threads or wait for other ones.
  template <class Work>
  auto run(Work&& work) const -> decltype(work());

 private:
  NetworkNamespace(FileDescriptor fd, std::string path, std::uint64_t device, std::uint64_t inode);

  FileDescriptor fd_;
  std::string path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// The calling thread is inside `target` while this object lives.
class Visit {
 public:
  static Result<Visit> to(const NetworkNamespace& target);
  Visit(Visit&& other) noexcept : home_(std::move(other.home_)) {}
  Visit& operator=(Visit&&) = delete;
  ~Visit();

 private:
  explicit Visit(FileDescriptor home) : home_(std::move(home)) {}
  FileDescriptor home_;
};

template <class Work>
auto NetworkNamespace::run(Work&& work) const -> decltype(work()) {
  const auto visit = Visit::to(*this);
  if (!visit) {
    return visit.error();
  }
  return work();
}

}  // namespace mooring::netlink
