// A gateway between an underlay with two nodes and a physical network, all in namespaces: the gateway's host has a real
// Open vSwitch (userspace datapath) and runs the real mooring-gateway; nodes are kernel VXLAN devices; the controller
// is a WatchServer.
//
//   node1, node2 -- 172.31.77.0/24 -- eth0 [gateway] phys0 -- 192.168.77.0/24 -- phys
//
// A kernel link takes only frames for its own MAC: node1's is VMAC, so it hears what comes from the physical side;
// node2's is HMAC, so it hears what was relayed. (It is a bridge over the VXLAN device, because that device drops
// frames whose source is its own MAC.)
#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/watch_server.hpp"
#include "mooring/http/blocking_client.hpp"
#include "overlay-gateway/domain/pipeline.hpp"
#include "support/ovs_sandbox.hpp"

namespace mooring::tests {

inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds limit = std::chrono::seconds(15)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

class GatewayStage {
 public:
  explicit GatewayStage(std::uint32_t mtu_bytes = 1450) {
    fill_directory(mtu_bytes);
    join_underlay();
    join_physical();
    make_node(node1, "172.31.77.2", "10.0.0.5", gateway::virtual_mac);
    make_node(node2, "172.31.77.3", "10.0.0.6", gateway::hop_mac);
  }
  ~GatewayStage() { stop_gateway(SIGTERM); }

  // `physical_option`: to give that option another value.
  void start_gateway(const std::string& physical_option = "--physical-interface=phys0") {
    std::vector<std::string> arguments{std::string(MOORING_BINARY_DIR) + "/overlay-gateway/mooring-gateway",
                                       "--name",
                                       "gw1",
                                       "--machine-id",
                                       "machine-gw1",
                                       "--underlay-interface",
                                       "eth0",
                                       physical_option,
                                       "--controller",
                                       controller.endpoint(),
                                       "--ovsdb",
                                       host.ovsdb(),
                                       "--ovs-rundir",
                                       host.directory(),
                                       "--datapath",
                                       "netdev",
                                       "--socket",
                                       socket(),
                                       "--state-dir",
                                       folder + "/state"};
    gateway_ = host.space().start(arguments, {}, log());
  }
  // Its exit code; -1 if a signal ended it, or if it did not run.
  int stop_gateway(int signal) {
    if (gateway_ <= 0) {
      return -1;
    }
    ::kill(gateway_, signal);
    return wait_for_gateway();
  }
  int wait_for_gateway() {
    int status = 0;
    ::waitpid(gateway_, &status, 0);
    gateway_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool ready() {
    const auto now = status();
    return now.value("ready", false) && now["directory"].value("complete", false) &&
           now["flows"].value("in_line", false);
  }
  // Switch, kernel and directory are in order; else the test shows the gateway's log.
  bool gets_ready(std::chrono::milliseconds limit = std::chrono::seconds(15)) {
    const bool in_time = eventually([this] { return ready(); }, limit);
    if (!in_time) {
      UNSCOPED_INFO(log_text() << status().dump(2));
    }
    return in_time;
  }
  // The flows once nodes' BFD is answered, which is a moment after the gateway is ready.
  std::string flows_in_traffic() {
    std::string flows;
    REQUIRE(eventually([&] {
      flows = host.ofctl("dump-flows", "br-tun", "--no-stats");
      return flows.find("tp_dst=3784") != std::string::npos;
    }));
    return flows;
  }
  ipam_api::Json status() const {
    const auto text = ask("/v1/status");
    return ipam_api::Json::parse(text.empty() ? "{}" : text);
  }
  std::string ask(const std::string& path) const {
    http::BlockingClient client(http::Endpoint::unix_socket(socket()));
    const auto answer = client.request("GET", path, "", http::after(std::chrono::seconds(5)));
    return answer && answer->ok() ? answer->body : std::string();
  }
  std::string log_text() const {
    std::ifstream file(log());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Packets that met the flow whose text contains `part`.
  std::uint64_t packets_of(const std::string& table, const std::string& part) const {
    std::istringstream flows(host.ofctl("dump-flows", "br-tun", table));
    for (std::string line; std::getline(flows, line);) {
      const auto at = line.find("n_packets=");
      if (at != std::string::npos && line.find(part) != std::string::npos) {
        return std::stoull(line.substr(at + 10));
      }
    }
    return 0;
  }
  bool pings(NetworkNamespace& from, const std::string& address, const std::string& options = "-c 1 -W 1") {
    return from.try_run("ping -n " + options + " " + address).exit_code == 0;
  }
  std::string log() const { return folder + "/gateway.log"; }
  std::string socket() const { return folder + "/gateway.sock"; }

  std::string folder = make_folder();
  fakes::WatchServer controller{folder + "/controller.sock"};
  mutable OvsSandbox host;
  NetworkNamespace underlay, node1, node2, physical;

  static ipam_api::Entry subnet(const std::string& name, const std::string& cidr, const std::string& gateway,
                                std::uint32_t vni, std::uint32_t mtu_bytes, const std::string& network = "default") {
    return fakes::WatchSource::object(
        "subnet", name,
        {{"network", network}, {"vni", vni}, {"cidr", cidr}, {"gateway", gateway}, {"mtu_bytes", mtu_bytes}});
  }

 private:
  static std::string make_folder() {
    std::string name = "/tmp/mooring-gateway-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    return name;
  }

  void fill_directory(std::uint32_t mtu_bytes) {
    using fakes::WatchSource;
    controller.commit({WatchSource::object("network", "default", {{"isolated", false}})});
    controller.commit({subnet("pods", "10.0.0.0/24", "10.0.0.1", 100, mtu_bytes)});
    controller.commit({WatchSource::object("node", "n1", {{"vtep", "172.31.77.2"}}),
                       WatchSource::object("node", "n2", {{"vtep", "172.31.77.3"}}),
                       WatchSource::object("gateway", "gw1", {{"vtep", "172.31.77.1"}, {"network", "default"}})});
    controller.commit({WatchSource::port(100, "10.0.0.5", "n1", 0), WatchSource::port(100, "10.0.0.6", "n2", 0)});
  }
  void join_underlay() {
    underlay.run("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up");
    int number = 0;
    for (NetworkNamespace* space : {&host.space(), &node1, &node2}) {
      const std::string here = "u" + std::to_string(++number);
      underlay.run(
          fmt::format("ip link add {0} type veth peer name eth0 netns {1} && ip link set {0} master br0 up && "
                      "ethtool -K {0} tx off",
                      here, space->pid()));
      space->run(fmt::format("ethtool -K eth0 tx off && ip address add 172.31.77.{}/24 dev eth0 && ip link set eth0 up",
                             number));
    }
  }
  void join_physical() {
    host.run(
        fmt::format("ip link add phys0 type veth peer name eth0 netns {} && "
                    "ip address add 192.168.77.1/24 dev phys0 && ip link set phys0 up",
                    physical.pid()));
    // The overlay is on its link: it asks for overlay addresses by ARP.
    physical.run(
        "ip address add 192.168.77.100/24 dev eth0 && ip link set eth0 up && ip route add 10.0.0.0/16 dev eth0");
  }
  static void make_node(NetworkNamespace& space, const std::string& vtep, const std::string& address,
                        const std::string& mac) {
    space.run(fmt::format(
        "ip link add br0 address {2} mtu 1450 type bridge mcast_snooping 0 && "
        "ip link add vx0 mtu 1450 type vxlan id 100 local {0} remote 172.31.77.1 dstport 4789 dev eth0 nolearning && "
        "ip link set vx0 master br0 up && ethtool -K vx0 tx off && ethtool -K br0 tx off && "
        "ip address add {1}/32 dev br0 && ip link set br0 up && "
        "ip neigh replace 169.254.77.1 lladdr 02:00:00:00:00:09 dev br0 nud permanent && "
        "ip route add default via 169.254.77.1 dev br0 onlink",
        vtep, address, mac));
  }

  pid_t gateway_ = -1;
};

}  // namespace mooring::tests
