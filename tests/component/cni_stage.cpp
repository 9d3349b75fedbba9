#include "component/cni_stage.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sstream>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "mooring/agent_api/deleted_note.hpp"

namespace mooring::tests {
namespace {

const std::string plugin = std::string(MOORING_BINARY_DIR) + "/cni-plugin/mooring";

std::string temporary_directory() {
  char pattern[] = "/tmp/mooring-cni-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) {
    throw std::runtime_error("making a directory for a CNI stage failed");
  }
  return pattern;
}

std::string unique_id() {
  static int last = 0;
  return "c" + std::to_string(::getpid()) + "-" + std::to_string(++last);
}

int count_lines(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

Json PluginOutcome::json() const {
  INFO("standard output: " << output << "\nstandard error: " << log);
  Json parsed = Json::parse(output, nullptr, false);
  REQUIRE_FALSE(parsed.is_discarded());
  REQUIRE(parsed.is_object());
  return parsed;
}

PluginOutcome RunningPlugin::wait() {
  PluginOutcome outcome;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::array<pollfd, 2> waiting{{{output_.get(), POLLIN, 0}, {log_.get(), POLLIN, 0}}};
  while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      FAIL("the plugin did not end within 60 s");
    }
    ::poll(waiting.data(), waiting.size(), 1000);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) {
        continue;
      }
      char chunk[4096];
      const ssize_t size = ::read(waiting[i].fd, chunk, sizeof chunk);
      if (size <= 0) {
        waiting[i].fd = -1;
      } else {
        (i == 0 ? outcome.output : outcome.log).append(chunk, static_cast<std::size_t>(size));
      }
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

OvsSandbox& CniStage::ovs() {
  static OvsSandbox sandbox;
  static const bool ready = [] {
    sandbox.vsctl("add-br br-int -- set bridge br-int datapath_type=netdev fail_mode=secure");
    return true;
  }();
  (void)ready;
  return sandbox;
}

CniStage::CniStage()
    : attachment{unique_id(), "eth0"},
      host_interface(agent_api::host_interface_name(attachment)),
      directory(temporary_directory()),
      agent(directory + "/agent.sock") {
  ovs();
  std::filesystem::create_directory(agent_api::notes_folder(directory));
  agent.reply("/v1/attach", [this](const Json&) {
    return FakeAgent::Answer{200, to_json(attach_answer()).dump(), false, false, {}};
  });
}

CniStage::~CniStage() {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  ovs().vsctl("--if-exists del-port br-int " + host_interface);
  ovs().space().try_run("ip link del " + host_interface);
}

std::string CniStage::text_of(const std::string& path) const {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Json CniStage::conf(const std::string& version) const {
  return {{"cniVersion", version},  {"name", "pods"},       {"type", "mooring"},      {"agentSocket", agent.socket()},
          {"ovsdb", ovs().ovsdb()}, {"timeoutSeconds", 20}, {"agentState", directory}};
}

agent_api::AttachAnswer CniStage::attach_answer() const {
  agent_api::AttachAnswer answer;
  answer.allocation.port_id = "p-1";
  answer.allocation.network = "default";
  answer.allocation.subnet = "web";
  answer.allocation.pool = "web";
  answer.allocation.namespace_ = "default";
  answer.allocation.hostname = attachment.container_id;
  answer.allocation.address = net::InterfaceAddress::parse("10.0.0.5/24").value();
  answer.allocation.gateway = net::Ipv4Address::parse("10.0.0.1").value();
  answer.allocation.mac = net::MacAddress::parse("0a:58:0a:00:00:05").value();
  answer.allocation.vni = net::Vni::from(100).value();
  answer.allocation.mtu_bytes = 1450;
  answer.allocation.generation = 42;
  answer.allocation.routes = {{net::Cidr::parse("192.168.0.0/16").value(), std::nullopt}};
  answer.ofport = 17;
  answer.bridge = "br-int";
  answer.ovsdb = ovs().ovsdb();
  answer.host_interface = host_interface;
  answer.external_ids = {{"mooring.attachment", attachment.str()}, {"mooring.generation", "42"}};
  answer.disable_tx_checksum = true;
  return answer;
}

RunningPlugin CniStage::start(const std::string& command, const Json& conf,
                              const std::map<std::string, std::string>& environment) {
  const std::string input = conf.is_string() ? conf.get<std::string>() : conf.dump();
  std::map<std::string, std::string> variables{{"CNI_COMMAND", command},
                                               {"CNI_CONTAINERID", attachment.container_id},
                                               {"CNI_IFNAME", attachment.ifname},
                                               {"CNI_NETNS", container.path()},
                                               {"CNI_PATH", "/opt/cni/bin"}};
  for (const auto& [name, value] : environment) {
    variables[name] = value;
  }
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) {
    lines.push_back(name + "=" + value);
  }
  std::vector<char*> pointers;
  for (std::string& line : lines) {
    pointers.push_back(line.data());
  }
  pointers.push_back(nullptr);
  const std::string path = directory + "/input";
  const netlink::FileDescriptor writing(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  REQUIRE(::write(writing.get(), input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  const netlink::FileDescriptor reading(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const netlink::FileDescriptor space(::open(ovs().space().path().c_str(), O_RDONLY | O_CLOEXEC));
  int output[2];
  int log[2];
  REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(log, O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char* const arguments[] = {const_cast<char*>(plugin.c_str()), nullptr};
    if (::setns(space.get(), CLONE_NEWNET) == 0 && ::dup2(reading.get(), 0) == 0 && ::dup2(output[1], 1) == 1 &&
        ::dup2(log[1], 2) == 2) {
      ::execve(arguments[0], arguments, pointers.data());
    }
    ::_exit(127);
  }
  ::close(output[1]);
  ::close(log[1]);
  return RunningPlugin(pid, output[0], log[0]);
}

PluginOutcome CniStage::run(const std::string& command, const Json& conf,
                            const std::map<std::string, std::string>& environment) {
  const auto begin = std::chrono::steady_clock::now();
  PluginOutcome outcome = start(command, conf, environment).wait();
  outcome.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

PluginOutcome CniStage::run_with_input(const std::string& command, const std::string& input,
                                       const std::map<std::string, std::string>& environment) {
  return run(command, Json(input), environment);
}

int CniStage::links_on_node() {
  const auto shown = ovs().space().try_run("ip -o link show " + host_interface);
  return shown.exit_code == 0 ? 1 : 0;
}

int CniStage::links_in_container() {
  return count_lines(container.run("ip -o link show | grep -v -e ' lo:' -e ' gone-mo' || true"));
}

int CniStage::ovs_ports() {
  return count_lines(ovs().vsctl("--bare --no-headings --columns=_uuid find Port name=" + host_interface)) +
         count_lines(ovs().vsctl("--bare --no-headings --columns=_uuid find Interface name=" + host_interface));
}

}  // namespace mooring::tests
