#include "mooring/netlink/netns.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "mooring/netlink/system_error.hpp"

namespace mooring::netlink {
namespace {

constexpr const char* own_namespace = "/proc/thread-self/ns/net";

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

NetworkNamespace::NetworkNamespace(FileDescriptor fd, std::string path, std::uint64_t device, std::uint64_t inode)
    : fd_(std::move(fd)), path_(std::move(path)), device_(device), inode_(inode) {}

Result<NetworkNamespace> NetworkNamespace::current() {
  return open(own_namespace);
}

Result<NetworkNamespace> NetworkNamespace::open(const std::string& path) {
  const std::string doing = fmt::format("opening network namespace {}", path);
  // O_NONBLOCK: a path that is a FIFO must not hang us.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return system_error(doing, errno);
  }
  struct stat status {};
  struct statfs filesystem {};
  if (::fstat(fd.get(), &status) != 0 || ::fstatfs(fd.get(), &filesystem) != 0) {
    return system_error(doing, errno);
  }
  if (filesystem.f_type != NSFS_MAGIC || ::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error(Errc::invalid_argument, doing + ": it is not a network namespace",
                 "a path like /run/netns/NAME or /proc/PID/ns/net, whose namespace still lives");
  }
  return NetworkNamespace(std::move(fd), path, status.st_dev, status.st_ino);
}

Result<Visit> Visit::to(const NetworkNamespace& target) {
  FileDescriptor home(::open(own_namespace, O_RDONLY | O_CLOEXEC));
  if (!home) {
    return system_error("remembering the own network namespace", errno);
  }
  if (::setns(target.fd(), CLONE_NEWNET) != 0) {
    return system_error("entering network namespace " + target.path(), errno);
  }
  return Visit(std::move(home));
}

Visit::~Visit() {
  if (home_ && ::setns(home_.get(), CLONE_NEWNET) != 0) {
    std::perror(
        "mooring: coming back from a network namespace failed; ending before anything is done in a foreign one");
    std::abort();
  }
}

}  // namespace mooring::netlink
