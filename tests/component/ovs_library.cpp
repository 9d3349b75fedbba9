// Control sockets of a real vswitchd, and that libopenvswitch keeps its hands off the host program.
#include <chrono>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "mooring/ovs/library.hpp"
#include "mooring/ovs/openflow.hpp"
#include "mooring/ovs/ovsdb.hpp"
#include "mooring/ovs/unixctl.hpp"
#include "support/catch_result.hpp"
#include "support/ovs_sandbox.hpp"
#include "support/owner_loop.hpp"

using mooring::Errc;
using mooring::tests::OvsSandbox;
using namespace mooring::ovs;
using namespace std::chrono_literals;

TEST_CASE("a control socket answers questions", "[ovs][unixctl]") {
  OvsSandbox sandbox;
  const std::string socket = sandbox.directory() + "/vswitchd.ctl";
  const auto version = unixctl_call(socket, "version", {}, 5s);
  REQUIRE(version);
  CHECK_THAT(*version, Catch::Contains("Open vSwitch"));
  sandbox.vsctl("add-br br0 -- set bridge br0 datapath_type=netdev");
  const auto shown = unixctl_call(socket, "dpif/show", {}, 5s);
  REQUIRE(shown);
  CHECK_THAT(*shown, Catch::Contains("netdev@ovs-netdev") && Catch::Contains("br0"));
  REQUIRE(unixctl_call(socket, "tnl/arp/set", {"br0", "172.31.0.9", "0a:58:0a:00:00:09"}, 5s));
  CHECK_THAT(*unixctl_call(socket, "tnl/arp/show", {}, 5s), Catch::Contains("172.31.0.9"));

  const auto nonsense = unixctl_call(socket, "no/such/command", {}, 5s);
  REQUIRE(nonsense.has_error());
  CHECK(nonsense.error().code() == Errc::invalid_argument);
  CHECK_THAT(nonsense.error().message(), Catch::Contains("no/such/command"));
}

TEST_CASE("a control socket that is away or hangs is an error in time", "[ovs][unixctl]") {
  OvsSandbox sandbox;
  const std::string socket = sandbox.directory() + "/vswitchd.ctl";
  sandbox.pause_vswitchd();
  const auto start = std::chrono::steady_clock::now();
  const auto late = unixctl_call(socket, "version", {}, 200ms);
  CHECK(std::chrono::steady_clock::now() - start < 2s);
  REQUIRE(late.has_error());
  CHECK(late.error().code() == Errc::timeout);
  sandbox.resume_vswitchd();

  const auto found = vswitchd_control_socket(sandbox.directory());
  REQUIRE(found);
  CHECK(*found == sandbox.directory() + "/ovs-vswitchd." + std::to_string(sandbox.vswitchd()) + ".ctl");
  const auto away = unixctl_call(sandbox.directory() + "/nobody.ctl", "version", {}, 200ms);
  REQUIRE(away.has_error());
  CHECK(away.error().code() == Errc::unavailable);
  CHECK(vswitchd_control_socket(sandbox.directory() + "/nowhere").error().code() == Errc::not_found);
}

TEST_CASE("the library takes no signal and prints nothing", "[ovs][library]") {
  OvsSandbox sandbox;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // In a process of its own, where the dispositions are the default.
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGSEGV}) {
      ::signal(signal, SIG_DFL);
    }
    initialise("mooring-tests");
    mooring::tests::OwnerLoop loop;
    {
      bool seen = false;
      Ovsdb ovsdb(sandbox.ovsdb(), loop.post(), [&](const auto&) { seen = true; });
      OpenFlow nobody(sandbox.management("br-nobody"), loop.post(), {[] {}, [](const mooring::Error&) {}});
      loop.run_until([&] { return seen; });
      sandbox.kill_ovsdb();
      loop.run_until([&] { return !ovsdb.state()->connected; });
    }
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGSEGV}) {
      struct sigaction now {};
      ::sigaction(signal, nullptr, &now);
      if (now.sa_handler != SIG_DFL) {
        ::_exit(signal);
      }
    }
    ::raise(SIGTERM);  // kills at once, as the host program expects
    ::_exit(99);
  }
  ::close(pipe[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n = 0; (n = ::read(pipe[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(said.empty());
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}
