// The real mooring-controller in a folder of its own: started, asked over its unix socket or TCP, killed, started
// again.
//
// Threading: one thread; clients are independent of one another.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "mooring/http/blocking_client.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "support/temporary_folder.hpp"

namespace mooring::tests {

using ipam_api::Json;

// An answer with its body as JSON (null if it is none).
struct JsonAnswer {
  int status = 0;
  Json body;
  http::Response response;
};

inline http::Deadline soon() {
  return http::after(std::chrono::seconds(10));
}

// Until `condition` holds or 10 s are over; looks every few milliseconds.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

// Asks and reads JSON; throws when nobody answers.
inline Result<JsonAnswer> try_ask(http::BlockingClient& client, const std::string& method, const std::string& target,
                                  const std::string& body) {
  auto response = client.request(method, target, body, soon());
  if (!response) {
    return response.error();
  }
  JsonAnswer answer;
  answer.status = response->status;
  if (auto json = ipam_api::parse_json("answer", response->body)) {
    answer.body = std::move(*json);
  }
  answer.response = std::move(*response);
  return answer;
}

inline JsonAnswer ask(http::BlockingClient& client, const std::string& method, const std::string& target,
                      const Json& body = nullptr) {
  return try_ask(client, method, target, body.is_null() ? "" : body.dump()).value();
}

class ControllerProcess {
 public:
  explicit ControllerProcess(std::vector<std::string> options = {}) : options_(std::move(options)) {}
  ~ControllerProcess() {
    if (pid_ > 0) {
      kill_now();
    }
  }
  ControllerProcess(const ControllerProcess&) = delete;
  ControllerProcess& operator=(const ControllerProcess&) = delete;

  const TemporaryFolder& folder() const { return folder_; }
  void add_option(const std::string& option) { options_.push_back(option); }
  std::string socket_path() const { return folder_.path("c.sock"); }
  std::string store_path() const { return store_.empty() ? folder_.path("c.db") : store_; }
  void use_store(const std::string& path) { store_ = path; }

  // Returns when the program has said "ready". Throws with its log if it does not.
  void start() {
    spawn();
    const std::size_t from = log_before_;
    const bool ready = eventually([&] { return log().find(" ready\n", from) != std::string::npos || !running(); });
    if (!ready || !running()) {
      throw std::runtime_error("mooring-controller did not start:\n" + log());
    }
  }

  // Starts it and waits for its end: the exit code.
  int start_and_wait() {
    spawn();
    return wait_for_end();
  }

  void kill_now() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
  }

  // SIGTERM, then the exit code; -1 if it did not end by itself within 10 s.
  int terminate(int signal = SIGTERM) {
    ::kill(pid_, signal);
    return wait_for_end();
  }

  void stop_process() { ::kill(pid_, SIGSTOP); }
  void continue_process() { ::kill(pid_, SIGCONT); }

  std::string log() const {
    std::ifstream file(folder_.path("log"));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // With --listen-tcp 127.0.0.1:0: the port that the kernel chose, at the last start.
  std::uint16_t tcp_port() const {
    const std::string text = log();
    const std::string mark = "listening on 127.0.0.1 port ";
    const auto at = text.rfind(mark);
    return at == std::string::npos ? std::uint16_t{0}
                                   : static_cast<std::uint16_t>(std::stoi(text.substr(at + mark.size())));
  }

  http::BlockingClient client() const { return http::BlockingClient(http::Endpoint::unix_socket(socket_path())); }
  http::BlockingClient tcp_client(const std::string& token) const {
    return http::BlockingClient(http::Endpoint::tcp("127.0.0.1", tcp_port()), token);
  }

 private:
  void spawn() {
    std::vector<std::string> words = {MOORING_BINARY_DIR "/ipam-controller/mooring-controller", "--store", store_path(),
                                      "--listen-unix", socket_path()};
    words.insert(words.end(), options_.begin(), options_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    log_before_ = log().size();
    const std::string log_path = folder_.path("log");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing stays behind when the test is killed
      const int out = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      if (::getppid() != parent || out < 0) {
        ::_exit(127);
      }
      ::dup2(out, 1);
      ::dup2(out, 2);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    if (pid_ < 0) {
      throw std::runtime_error("fork failed");
    }
  }

  bool running() {
    if (pid_ <= 0) {
      return false;
    }
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == 0;
  }

  int wait_for_end() {
    if (!eventually([&] { return !running(); })) {
      return -1;
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  TemporaryFolder folder_;
  std::vector<std::string> options_;
  std::string store_;
  pid_t pid_ = -1;
  std::size_t log_before_ = 0;
};

// Network `default` has: subnet s1 (VNI 100, 10.0.0.0/24), pool p1 over it, node h1.
inline void make_small_world(http::BlockingClient& client) {
  const auto must = [](const JsonAnswer& answer) {
    if (answer.status >= 300) {
      throw std::runtime_error(answer.response.body);
    }
  };
  must(ask(client, "POST", "/v1/subnets", {{"name", "s1"}, {"vni", 100}, {"cidr", "10.0.0.0/24"}}));
  must(ask(client, "POST", "/v1/pools", {{"name", "p1"}, {"subnet", "s1"}}));
  must(ask(client, "PUT", "/v1/nodes/h1", {{"machine_id", "m1"}, {"vtep", "172.31.0.1"}}));
}

inline Json allocate_body(const std::string& container, const std::string& hostname, const std::string& node = "h1") {
  return {{"node", node},
          {"attachment", {{"container_id", container}, {"ifname", "eth0"}}},
          {"namespace", "shop"},
          {"hostname", hostname}};
}

}  // namespace mooring::tests
