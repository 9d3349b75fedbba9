// A network namespace that lives as long as this object, and not longer than the test program: it is held by a child
// process that dies with its parent. Nothing is mounted, nothing has a name outside.
#pragma once

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace mooring::tests {

class NetworkNamespace {
 public:
  // Loopback is up, IPv6 is off (its chatter would be counted by flow counters). Needs root.
  NetworkNamespace();
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  // For `ip link set X netns PID` and `ip link add … peer name Y netns PID`.
  pid_t pid() const { return holder_; }
  std::string path() const;  // "/proc/PID/ns/net"

  struct Outcome {
    int exit_code = -1;  // 128 + signal if it was killed
    std::string output;  // both streams
  };
  // Runs a shell command in the namespace with additional environment variables.
  Outcome try_run(const std::string& command, const std::vector<std::string>& environment = {}) const;
  // The same; throws with command and output if it fails.
  std::string run(const std::string& command, const std::vector<std::string>& environment = {}) const;
  // Starts a program (absolute path or by PATH) that is killed when this process dies; its output goes to `log`.
  pid_t start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
              const std::string& log) const;

 private:
  pid_t holder_ = -1;
  int descriptor_ = -1;
};

}  // namespace mooring::tests
