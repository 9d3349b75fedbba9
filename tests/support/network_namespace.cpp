#include "support/network_namespace.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern char** environ;

namespace mooring::tests {

namespace {

// argv and envp are made before fork(): afterwards nothing may allocate.
class CStrings {
 public:
  explicit CStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
    for (std::string& s : strings_) {
      pointers_.push_back(s.data());
    }
    pointers_.push_back(nullptr);
  }
  char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view name = std::string_view(*one).substr(0, std::string_view(*one).find('='));
    bool replaced = false;
    for (const std::string& m : more) {
      replaced = replaced || m.substr(0, m.find('=')) == name;
    }
    if (!replaced) {
      all.emplace_back(*one);
    }
  }
  return all;
}

// In the child: enters the namespace, joins its output to `output` and becomes the program.
[[noreturn]] void become(int space, int output, const CStrings& arguments, const CStrings& environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::setns(space, CLONE_NEWNET) != 0) {
    ::_exit(126);
  }
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvpe(arguments.data()[0], arguments.data(), environment.data());
  ::_exit(127);
}

}  // namespace

NetworkNamespace::NetworkNamespace() {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::system_category(), "pipe");
  }
  holder_ = ::fork();
  if (holder_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char good = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
    if (::write(pipe[1], &good, 1) != 1) {
      ::_exit(1);
    }
    for (;;) {
      ::pause();
    }
  }
  ::close(pipe[1]);
  char answer = 'n';
  const auto got = ::read(pipe[0], &answer, 1);
  ::close(pipe[0]);
  if (got != 1 || answer != 'y') {
    throw std::runtime_error("making a network namespace: not permitted (run the tests as root)");
  }
  descriptor_ = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
  run("ip link set lo up; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6;"
      " echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
}

NetworkNamespace::~NetworkNamespace() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  if (holder_ > 0) {
    ::kill(holder_, SIGKILL);
    ::waitpid(holder_, nullptr, 0);
  }
}

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(holder_) + "/ns/net";
}

NetworkNamespace::Outcome NetworkNamespace::try_run(const std::string& command,
                                                    const std::vector<std::string>& environment) const {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::system_category(), "pipe");
  }
  const CStrings arguments({"sh", "-c", command});
  const CStrings variables(environment_with(environment));
  const pid_t child = ::fork();
  if (child == 0) {
    become(descriptor_, pipe[1], arguments, variables);
  }
  ::close(pipe[1]);
  Outcome outcome;
  char buffer[4096];
  for (;;) {
    const auto n = ::read(pipe[0], buffer, sizeof buffer);
    if (n <= 0 && !(n < 0 && errno == EINTR)) {
      break;
    }
    outcome.output.append(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

std::string NetworkNamespace::run(const std::string& command, const std::vector<std::string>& environment) const {
  Outcome outcome = try_run(command, environment);
  if (outcome.exit_code != 0) {
    throw std::runtime_error("running \"" + command + "\": exit code " + std::to_string(outcome.exit_code) + ": " +
                             outcome.output);
  }
  return std::move(outcome.output);
}

pid_t NetworkNamespace::start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                              const std::string& log) const {
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const CStrings words(arguments);
  const CStrings variables(environment_with(environment));
  const pid_t child = ::fork();
  if (child == 0) {
    become(descriptor_, output, words, variables);
  }
  ::close(output);
  return child;
}

}  // namespace mooring::tests
