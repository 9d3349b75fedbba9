// A node for the CNI plugin: the real program, the real kernel, a real Open vSwitch, and an agent that does as told.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>

#include "fakes/fake_agent.hpp"
#include "support/network_namespace.hpp"
#include "support/ovs_sandbox.hpp"

namespace mooring::tests {

struct PluginOutcome {
  int exit_code = -1;  // 128 + signal
  std::string output, log;
  double milliseconds = 0;
  // The one JSON object on standard output; anything else fails the test.
  Json json() const;
};

// A plugin that was started and not waited for yet.
class RunningPlugin {
 public:
  RunningPlugin(pid_t pid, int output, int log) : pid_(pid), output_(output), log_(log) {}
  pid_t pid() const { return pid_; }
  // Nobody reads its standard output any more.
  void close_output() { output_ = netlink::FileDescriptor(); }
  PluginOutcome wait();

 private:
  pid_t pid_;
  netlink::FileDescriptor output_, log_;
};

class CniStage {
 public:
  CniStage();
  ~CniStage();
  CniStage(const CniStage&) = delete;
  CniStage& operator=(const CniStage&) = delete;

  // One for all tests of the program: it costs a quarter of a second.
  static OvsSandbox& ovs();

  // ADD, DEL, … of container `id`, interface eth0, in the container's namespace unless `environment` says otherwise.
  RunningPlugin start(const std::string& command, const Json& conf,
                      const std::map<std::string, std::string>& environment = {});
  PluginOutcome run(const std::string& command, const Json& conf,
                    const std::map<std::string, std::string>& environment = {});
  PluginOutcome run_with_input(const std::string& command, const std::string& input,
                               const std::map<std::string, std::string>& environment = {});

  Json conf(const std::string& version = "1.0.0") const;
  // What the agent answers to attach.
  agent_api::AttachAnswer attach_answer() const;

  std::string text_of(const std::string& path) const;

  // What an ADD leaves: 0 after a good DEL or a failed ADD.
  int links_on_node();       // of ours
  int links_in_container();  // beside lo and what DEL retired
  int ovs_ports();
  bool is_clean() { return links_on_node() + links_in_container() + ovs_ports() == 0; }

  const agent_api::Attachment attachment;
  const std::string host_interface;
  NetworkNamespace container;
  std::string directory;
  FakeAgent agent;
};

}  // namespace mooring::tests
