// A node for tests: a namespace with a real Open vSwitch and an underlay interface, the real controller beside it, and
// the real mooring-agent in it. The test plays the CNI plugin.
#pragma once

#include <csignal>
#include <string>
#include <sys/wait.h>

#include "mooring/agent_api/messages.hpp"
#include "support/controller_process.hpp"
#include "support/ovs_sandbox.hpp"

namespace mooring::tests {

class AgentStage {
 public:
  AgentStage() {
    sandbox.run(
        "ip link add eth0 type veth peer name wire; ip address add 172.31.0.1/24 dev eth0;"
        " ip link set wire up; ip link set eth0 up");
    controller.start();
    auto client = controller.client();
    must(ask(client, "POST", "/v1/subnets", {{"name", "s1"}, {"vni", 100}, {"cidr", "10.0.0.0/24"}}));
    must(ask(client, "POST", "/v1/pools", {{"name", "p1"}, {"subnet", "s1"}}));
    must(ask(client, "PUT", "/v1/nodes/h2", {{"machine_id", "m2"}, {"vtep", "172.31.0.2"}}));
  }
  ~AgentStage() {
    if (pid_ > 0) {
      kill_agent();
    }
  }
  AgentStage(const AgentStage&) = delete;
  AgentStage& operator=(const AgentStage&) = delete;

  // Returns when it is ready for ADDs (or, with `ready` false, when its socket answers).
  void start_agent(bool ready = true) {
    pid_ = sandbox.space().start({MOORING_BINARY_DIR "/ovs-agent/mooring-agent",
                                  "--name",
                                  "h1",
                                  "--machine-id",
                                  "m1",
                                  "--underlay-interface",
                                  "eth0",
                                  "--controller",
                                  "unix:" + controller.socket_path(),
                                  "--socket",
                                  socket_path(),
                                  "--state-dir",
                                  folder.path("state"),
                                  "--ovsdb",
                                  sandbox.ovsdb(),
                                  "--ovs-rundir",
                                  sandbox.directory(),
                                  "--datapath",
                                  "netdev",
                                  "--allow-host-cidr",
                                  "192.0.2.0/24"},
                                 {}, folder.path("agent.log"));
    const bool up = eventually([&] {
      const auto now = try_status();
      return !now.is_null() && (!ready || now.value("ready", false));
    });
    if (!up) {
      throw std::runtime_error("mooring-agent is not ready: " + try_status().dump() + "\n" + log());
    }
  }
  void kill_agent() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // "" while it runs, else how it ended.
  std::string death() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) {
      return "";
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                               : "exit code " + std::to_string(WEXITSTATUS(status));
  }
  // SIGTERM; the exit code.
  int end_agent() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string socket_path() const { return folder.path("agent.sock"); }
  std::string log() const { return text_of("agent.log"); }

  http::BlockingClient agent() const { return http::BlockingClient(http::Endpoint::unix_socket(socket_path())); }
  Json try_status() const {
    auto client = agent();
    const auto answer = try_ask(client, "GET", "/v1/status", "");
    return answer ? answer->body : Json();
  }
  JsonAnswer call(const std::string& method, const std::string& target, const Json& body = nullptr) const {
    auto client = agent();
    return ask(client, method, target, body);
  }
  Json attachment(const std::string& container) const { return {{"container_id", container}, {"ifname", "eth0"}}; }

  JsonAnswer attach(const std::string& container, const std::string& hostname) const {
    return call("POST", "/v1/attach",
                {{"attachment", attachment(container)},
                 {"netns", "/run/netns/x"},
                 {"namespace", "shop"},
                 {"hostname", hostname},
                 {"wishes", Json::object()}});
  }
  JsonAnswer confirm(const std::string& container, std::uint64_t generation) const {
    return call("POST", "/v1/confirm", {{"attachment", attachment(container)}, {"generation", generation}});
  }
  JsonAnswer detach(const std::string& container) const {
    return call("POST", "/v1/detach", {{"attachment", attachment(container)}, {"reason", "cni-del"}});
  }
  JsonAnswer check(const std::string& container, const Json& allocation) const {
    return call(
        "POST", "/v1/check",
        {{"attachment", attachment(container)}, {"address", allocation["address"]}, {"mac", allocation["mac"]}});
  }

  // What the plugin does between attach and confirm.
  void make_port(const Json& answer) const {
    const std::string name = answer["host_interface"];
    sandbox.run("ip link add " + name + " type veth peer name p" + name.substr(2) + " && ip link set " + name + " up");
    insert_row(answer);
  }
  void insert_row(const Json& answer) const {
    std::string ids;
    for (const auto& [key, value] : answer["external_ids"].items()) {
      ids += " external_ids:" + key + "='\"" + value.get<std::string>() + "\"'";
    }
    const std::string name = answer["host_interface"];
    sandbox.vsctl("--no-wait add-port br-int " + name + " -- set Interface " + name +
                  " ofport_request=" + answer["ofport"].dump() + ids);
  }
  // attach, port, confirm; the answer of attach.
  Json add(const std::string& container, const std::string& hostname) const {
    const auto attached = attach(container, hostname);
    must(attached);
    make_port(attached.body);
    must(confirm(container, attached.body["allocation"]["generation"]));
    return attached.body;
  }
  void remove_port(const Json& answer) const {
    const std::string name = answer["host_interface"];
    sandbox.vsctl("--no-wait --if-exists del-port " + name);
    sandbox.run("ip link del " + name);
  }

  // The flows of a bridge in the switch that mention `part`.
  std::vector<std::string> flows(const std::string& bridge, const std::string& part) const {
    std::istringstream all(sandbox.ofctl("dump-flows", bridge));
    std::vector<std::string> found;
    for (std::string line; std::getline(all, line);) {
      if (line.find(part) != std::string::npos) {
        found.push_back(line);
      }
    }
    return found;
  }
  std::size_t controller_ports(const std::string& node = "h1") const {
    auto client = controller.client();
    return ask(client, "GET", "/v1/ports?node=" + node).body["items"].size();
  }
  static void must(const JsonAnswer& answer) {
    if (answer.status >= 300) {
      throw std::runtime_error(answer.response.body);
    }
  }
  std::string text_of(const std::string& name) const {
    std::ifstream file(folder.path(name));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  OvsSandbox sandbox;
  TemporaryFolder folder;
  ControllerProcess controller;

 private:
  pid_t pid_ = -1;
};

}  // namespace mooring::tests
