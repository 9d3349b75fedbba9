#include "cni-plugin/installer/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "mooring/base/durable_file.hpp"
#include "mooring/netlink/netns.hpp"

namespace mooring::installer {
namespace {

using netlink::FileDescriptor;

Error failed(std::string_view doing, const std::string& path) {
  return Error(Errc::io, fmt::format("{} {}: {}", doing, path, std::strerror(errno)));
}

bool is_already(const std::string& path, std::string_view content, unsigned mode) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || (found.st_mode & 07777U) != mode) {
    return false;
  }
  const auto old = read_file(path);
  return old && *old == content;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return failed("reading", path);
  }
  std::string content;
  std::string chunk(1 << 16, '\0');
  for (;;) {
    const ssize_t size = ::read(file.get(), chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return failed("reading", path);
    }
    if (size == 0) {
      return content;
    }
    content.append(chunk, 0, static_cast<std::size_t>(size));
  }
}

Result<bool> put_file(const std::string& path, std::string_view content, unsigned mode) {
  if (is_already(path, content, mode)) {
    return false;
  }
  // A dot in front: runtimes read every *.conf, *.conflist and *.json of the folder.
  const std::filesystem::path name(path);
  std::string next = (name.parent_path() / fmt::format(".{}.XXXXXX", name.filename().string())).string();
  const FileDescriptor file(::mkostemp(next.data(), O_CLOEXEC));
  if (file.get() < 0) {
    return failed("writing a file beside", path);
  }
  const bool written = write_all(file.get(), content) && ::fchmod(file.get(), mode) == 0 && ::fsync(file.get()) == 0;
  if (!written || ::rename(next.c_str(), path.c_str()) != 0) {
    const Error error = failed("writing", path);
    ::unlink(next.c_str());
    return error;
  }
  if (auto durable = make_name_durable(path); !durable) {
    return durable.error();
  }
  return true;
}

Result<bool> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) {
      return false;
    }
    return failed("removing", path);
  }
  if (auto durable = make_name_durable(path); !durable) {
    return durable.error();
  }
  return true;
}

Result<void> make_folder(const std::string& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure) {
    return Error(Errc::io, fmt::format("making the folder {}: {}", path, failure.message()));
  }
  return ok();
}

}  // namespace mooring::installer
