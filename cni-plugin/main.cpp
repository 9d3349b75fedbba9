// mooring: the CNI plugin, and under the name mooring-ipam the IPAM of others. Runtimes execute it with CNI_* in the
// environment and the network configuration on standard input; docs/life-of-an-add.md follows an ADD through these
// files.
#include <array>
#include <cerrno>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "cni-plugin/skel.hpp"

namespace {

using namespace mooring;

constexpr std::size_t largest_input = 4 * 1024 * 1024;
constexpr int longest_wait_for_input_milliseconds = 30'000;

// A runtime writes its configuration and closes; one that does neither must not keep the process for ever.
Result<std::string> read_standard_input() {
  const std::string doing = "reading the network configuration from standard input";
  std::string input;
  if (::isatty(STDIN_FILENO) == 1) {
    return input;
  }
  std::array<char, 16384> chunk;
  while (input.size() <= largest_input) {
    pollfd waiting{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, longest_wait_for_input_milliseconds);
    if (ready == 0) {
      return Error(Errc::io, doing + ": no end of it after 30 s", "close the plugin's standard input");
    }
    const ssize_t size = ready < 0 ? -1 : ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (size == 0) {
      return input;
    }
    if (size > 0) {
      input.append(chunk.data(), static_cast<std::size_t>(size));
    } else if (errno != EINTR) {
      return Error(Errc::io, doing + " failed");
    }
  }
  return Error(Errc::undecodable, doing + ": it is longer than 4 MiB");
}

bool write_standard_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto interruption = cni::Interruption::by_termination_signals();
  const auto role = argc > 0 ? cni::role_by_name(argv[0]) : cni::Role::main_plugin;
  return cni::run(cni::environment_of_process(), {read_standard_input, write_standard_output}, interruption, role);
}
