#include "support/ovs_sandbox.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <stdlib.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace mooring::tests {

namespace {

constexpr const char* schema = "/usr/share/openvswitch/vswitch.ovsschema";

}  // namespace

OvsSandbox::OvsSandbox() {
  char pattern[] = "/tmp/mooring-ovs-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) {
    throw std::runtime_error("making a directory for an OVS sandbox failed");
  }
  directory_ = pattern;
  run("ovsdb-tool create " + directory_ + "/conf.db " + schema);
  start_ovsdb();
  vsctl("--no-wait init");
  start_vswitchd();
}

OvsSandbox::~OvsSandbox() {
  kill_and_reap(vswitchd_);
  kill_and_reap(ovsdb_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string OvsSandbox::ovsdb() const {
  return "unix:" + directory_ + "/db.sock";
}

std::string OvsSandbox::management(const std::string& bridge) const {
  return "unix:" + directory_ + "/" + bridge + ".mgmt";
}

std::vector<std::string> OvsSandbox::environment() const {
  return {"OVS_RUNDIR=" + directory_, "OVS_LOGDIR=" + directory_, "OVS_DBDIR=" + directory_,
          "OVS_SYSCONFDIR=" + directory_};
}

std::string OvsSandbox::run(const std::string& command) const {
  return space_.run(command, environment());
}

std::string OvsSandbox::vsctl(const std::string& arguments) const {
  return run("ovs-vsctl --timeout=10 --db=" + ovsdb() + " " + arguments);
}

std::string OvsSandbox::ofctl(const std::string& command, const std::string& bridge, const std::string& rest) const {
  return run("ovs-ofctl -O OpenFlow15 --timeout=10 " + command + " " + management(bridge) +
             (rest.empty() ? "" : " '" + rest + "'"));
}

std::string OvsSandbox::appctl(const std::string& arguments) const {
  return run("ovs-appctl --timeout=10 -t " + directory_ + "/vswitchd.ctl " + arguments);
}

void OvsSandbox::start_ovsdb() {
  const std::string log = directory_ + "/ovsdb-server.out";
  ovsdb_ = space_.start({"ovsdb-server", directory_ + "/conf.db", "--remote=punix:" + directory_ + "/db.sock",
                         "--unixctl=" + directory_ + "/ovsdb.ctl", "--pidfile=" + directory_ + "/ovsdb-server.pid",
                         "-vconsole:warn", "-vsyslog:off"},
                        environment(), log);
  wait_until_it_answers("ovsdb-client list-dbs " + ovsdb(), ovsdb_, log);
}

void OvsSandbox::kill_ovsdb() {
  kill_and_reap(ovsdb_);
}

void OvsSandbox::start_vswitchd() {
  const std::string log = directory_ + "/ovs-vswitchd.out";
  vswitchd_ = space_.start({"ovs-vswitchd", ovsdb(), "--unixctl=" + directory_ + "/vswitchd.ctl",
                            "--pidfile=" + directory_ + "/ovs-vswitchd.pid", "-vconsole:warn", "-vsyslog:off"},
                           environment(), log);
  wait_until_it_answers("ovs-appctl --timeout=1 -t " + directory_ + "/vswitchd.ctl version", vswitchd_, log);
}

void OvsSandbox::kill_vswitchd() {
  kill_and_reap(vswitchd_);
}

void OvsSandbox::pause_vswitchd() {
  ::kill(vswitchd_, SIGSTOP);
}

void OvsSandbox::resume_vswitchd() {
  ::kill(vswitchd_, SIGCONT);
}

void OvsSandbox::kill_and_reap(pid_t& pid) {
  if (pid > 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    pid = -1;
  }
}

void OvsSandbox::wait_until_it_answers(const std::string& command, pid_t pid, const std::string& log) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::string answer;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto outcome = space_.try_run(command, environment());
    if (outcome.exit_code == 0) {
      return;
    }
    answer = outcome.output;
    if (::waitpid(pid, nullptr, WNOHANG) == pid) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::ostringstream said;
  said << std::ifstream(log).rdbuf();
  throw std::runtime_error("starting a daemon of the OVS sandbox: it does not answer \"" + command + "\": " + answer +
                           "; its output: " + said.str());
}

}  // namespace mooring::tests
