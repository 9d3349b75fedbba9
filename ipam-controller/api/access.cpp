#include "ipam-controller/api/access.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

constexpr std::size_t max_token_bytes = 4096;

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~File() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const auto first = text.find_first_not_of(white);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(white) - first + 1);
}

}  // namespace

std::string_view to_string(Access access) {
  return access == Access::admin ? "admin" : access == Access::node ? "node" : "feed";
}

Result<std::string> read_token_file(const std::string& path) {
  const std::string doing = fmt::format("reading the token file {}", path);
  const File file(path);
  struct stat found {};
  // The opened file is examined, not the name: nobody can exchange it in between.
  if (file.fd() < 0 || ::fstat(file.fd(), &found) != 0) {
    return Error(Errc::invalid_config, fmt::format("{}: {}", doing, std::strerror(errno)),
                 fmt::format("make one: (umask 077; head -c 32 /dev/urandom | base64 > {})", path));
  }
  if (!S_ISREG(found.st_mode)) {
    return Error(Errc::invalid_config, doing + ": it is not a regular file");
  }
  if ((found.st_mode & 077U) != 0) {
    return Error(Errc::invalid_config,
                 fmt::format("{}: its mode is {:04o}, so others can use it", doing, found.st_mode & 07777U),
                 fmt::format("chmod 0600 {}", path));
  }
  std::string text(max_token_bytes + 1, '\0');
  const ssize_t got = ::read(file.fd(), text.data(), text.size());
  if (got < 0) {
    return Error(Errc::invalid_config, fmt::format("{}: {}", doing, std::strerror(errno)));
  }
  text.resize(static_cast<std::size_t>(got));
  const std::string_view token = trimmed(text);
  if (token.empty()) {
    return Error(Errc::invalid_config, doing + ": it is empty",
                 fmt::format("head -c 32 /dev/urandom | base64 > {}", path));
  }
  const bool one_token = text.size() <= max_token_bytes &&
                         std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!one_token) {
    return Error(Errc::invalid_config,
                 fmt::format("{}: it holds something else than one token of at most {} visible ASCII characters", doing,
                             max_token_bytes),
                 fmt::format("head -c 32 /dev/urandom | base64 > {}", path));
  }
  return std::string(token);
}

Result<Access> access_of(const http::Request& request, const Tokens& tokens) {
  if (request.peer.unix_socket) {
    return Access::admin;
  }
  const std::string_view offered = request.bearer_token();
  // All are compared always, so that the time taken does not tell which one was near.
  const bool admin = http::same_secret(offered, tokens.admin);
  const bool node = http::same_secret(offered, tokens.node);
  const bool feed = http::same_secret(offered, tokens.feed);
  if (admin) {
    return Access::admin;
  }
  if (node) {
    return Access::node;
  }
  if (feed) {
    return Access::feed;
  }
  return Error(Errc::unauthorized, offered.empty() ? "no token came with the request" : "the token is not a known one",
               "send \"Authorization: Bearer TOKEN\" with the text of one of its token files");
}

}  // namespace mooring::controller
