#include "mooring/ovs/unixctl.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace mooring::ovs {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t largest_answer = std::size_t{16} << 20;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// False when the deadline passed first.
bool ready(int descriptor, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      return false;
    }
    pollfd wanted{descriptor, events, 0};
    const int n = ::poll(&wanted, 1, static_cast<int>(left));
    if (n > 0) {
      return true;
    }
    if (n < 0 && errno != EINTR) {
      return false;
    }
  }
}

// JSON-RPC has no framing: an answer ends where its outermost object does.
class ObjectEnd {
 public:
  // True once `more` has brought the end.
  bool reached(std::string_view more) {
    for (const char c : more) {
      if (in_string_) {
        in_string_ = escaped_ || c != '"';
        escaped_ = !escaped_ && c == '\\';
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{') {
        ++depth_;
      } else if (c == '}' && --depth_ == 0) {
        return true;
      }
    }
    return false;
  }

 private:
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace

Result<std::string> unixctl_call(const std::string& socket, const std::string& command,
                                 const std::vector<std::string>& arguments, std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  const auto context = [&] { return fmt::format("asking {} for {}", socket, command); };
  const auto late = [&] {
    return Error(Errc::timeout, fmt::format("{}: no answer in {} ms", context(), deadline.count()));
  };
  const auto broken = [&](const char* what) { return Error(Errc::io, fmt::format("{}: {}", context(), what)); };

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    return Error(Errc::invalid_argument,
                 fmt::format("{}: the path is longer than {} characters", context(), sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.size());
  const Socket peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (peer.get() < 0) {
    return broken(std::strerror(errno));
  }
  // The one cast that the sockets interface demands.
  if (::connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error(Errc::unavailable, fmt::format("{}: {}", context(), std::strerror(errno)),
                 "ovs-vswitchd is not running: systemctl start openvswitch-switch");
  }
  const std::string request = nlohmann::json{{"id", 0}, {"method", command}, {"params", arguments}}.dump();
  for (std::size_t sent = 0; sent < request.size();) {
    if (!ready(peer.get(), POLLOUT, until)) {
      return late();
    }
    const auto n = ::send(peer.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      return broken(std::strerror(errno));
    }
    sent += n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  std::string answer;
  ObjectEnd end;
  for (bool complete = false; !complete;) {
    char buffer[4096];
    if (!ready(peer.get(), POLLIN, until)) {
      return late();
    }
    const auto n = ::recv(peer.get(), buffer, sizeof buffer, 0);
    if (n == 0) {
      return broken("the daemon closed the connection");
    }
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        continue;
      }
      return broken(std::strerror(errno));
    }
    const std::string_view more(buffer, static_cast<std::size_t>(n));
    answer += more;
    complete = end.reached(more);
    if (answer.size() > largest_answer) {
      return broken("the answer is too large");
    }
  }
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object()) {
    return broken("the answer is not JSON");
  }
  if (const auto error = json.find("error"); error != json.end() && error->is_string()) {
    return Error(Errc::invalid_argument, fmt::format("{}: {}", context(), error->get<std::string>()));
  }
  const auto result = json.find("result");
  return result != json.end() && result->is_string() ? result->get<std::string>() : std::string();
}

Result<std::string> vswitchd_control_socket(const std::string& run_dir) {
  const std::string path = run_dir + "/ovs-vswitchd.pid";
  std::ifstream file(path);
  long pid = 0;
  if (!(file >> pid) || pid <= 0) {
    return Error(Errc::not_found, fmt::format("looking for ovs-vswitchd: {} has no process id", path),
                 "ovs-vswitchd is not running: systemctl start openvswitch-switch");
  }
  return fmt::format("{}/ovs-vswitchd.{}.ctl", run_dir, pid);
}

}  // namespace mooring::ovs
