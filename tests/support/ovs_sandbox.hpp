// A host of its own for tests: a network namespace, a run directory, and a real ovsdb-server and ovs-vswitchd in them
// (userspace datapath: bridges need datapath_type=netdev). No system OVS is touched; everything is gone when the object
// is; when the test program crashes, all but its directory in /tmp.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "support/network_namespace.hpp"

namespace mooring::tests {

class OvsSandbox {
 public:
  // Both daemons run and answer.
  OvsSandbox();
  ~OvsSandbox();
  OvsSandbox(const OvsSandbox&) = delete;
  OvsSandbox& operator=(const OvsSandbox&) = delete;

  const std::string& directory() const { return directory_; }  // the OVS_RUNDIR
  std::string ovsdb() const;                                   // "unix:DIRECTORY/db.sock"
  std::string management(const std::string& bridge) const;     // "unix:DIRECTORY/BRIDGE.mgmt"
  NetworkNamespace& space() { return space_; }

  // Shell commands in the namespace, with OVS_RUNDIR set; their output; they throw if the command fails.
  std::string run(const std::string& command) const;
  std::string vsctl(const std::string& arguments) const;
  // ofctl("dump-flows", "br-int", "table=0")
  std::string ofctl(const std::string& command, const std::string& bridge, const std::string& rest = {}) const;
  std::string appctl(const std::string& arguments) const;  // to ovs-vswitchd

  // Faults. start_* return when the daemon answers.
  void start_ovsdb();
  void kill_ovsdb();  // SIGKILL; the database file stays
  void start_vswitchd();
  void kill_vswitchd();    // SIGKILL; datapath and flows are gone
  void pause_vswitchd();   // SIGSTOP: it hangs
  void resume_vswitchd();  // SIGCONT
  pid_t vswitchd() const { return vswitchd_; }

 private:
  std::vector<std::string> environment() const;
  void kill_and_reap(pid_t& pid);
  void wait_until_it_answers(const std::string& command, pid_t pid, const std::string& log) const;

  NetworkNamespace space_;
  std::string directory_;
  pid_t ovsdb_ = -1;
  pid_t vswitchd_ = -1;
};

}  // namespace mooring::tests
