// mooring-gateway on a real Open vSwitch: packets from VXLAN to the physical side and back.
#include <regex>

#include "gateway_stage.hpp"

using namespace mooring;
using namespace std::chrono_literals;
using fakes::WatchSource;
using tests::eventually;
using tests::GatewayStage;

namespace {

std::string mac_of(const tests::OvsSandbox& host, const std::string& link) {
  const std::string text = host.run("ip -o link show " + link);
  const auto at = text.find("link/ether ");
  REQUIRE(at != std::string::npos);
  return text.substr(at + 11, 17);
}

}  // namespace

TEST_CASE("containers and physical machines reach each other through the gateway, without NAT") {
  GatewayStage stage;
  stage.start_gateway();
  REQUIRE(stage.gets_ready());

  SECTION("ping both ways, and TCP with a checksum") {
    CHECK(stage.pings(stage.node1, "192.168.77.100", "-c 3 -i 0.05 -W 2"));
    CHECK(stage.pings(stage.physical, "10.0.0.5", "-c 3 -i 0.05 -W 2"));
    // By its overlay address: the container sees the machine, the machine sees the container.
    const std::string server =
        "import socket,hashlib; s=socket.create_server(('{}',7000)); c,a=s.accept(); h=hashlib.sha256(); n=0\n"
        "while True:\n d=c.recv(65536)\n if not d: break\n h.update(d); n+=len(d)\n"
        "c.sendall((a[0]+' '+str(n)+' '+h.hexdigest()).encode()); c.close()\n";
    const std::string client =
        "import socket,hashlib,time\nfor i in range(200):\n try:\n  c=socket.create_connection(('{}',7000),5)\n  "
        "break\n except OSError: time.sleep(0.02)\n"
        "d=bytes(range(256))*12288; c.sendall(d); c.shutdown(1); t=c.recv(200).decode()\n"
        "assert t==c.getsockname()[0]+' '+str(len(d))+' '+hashlib.sha256(d).hexdigest(), t\n";
    const auto transfer = [&](tests::NetworkNamespace& from, tests::NetworkNamespace& to, const std::string& address) {
      const std::string script = stage.folder + "/server.py";
      std::ofstream(script) << fmt::format(fmt::runtime(server), address);
      const pid_t pid = to.start({"/usr/bin/python3", script}, {}, stage.folder + "/server.log");
      const std::string program = stage.folder + "/client.py";
      std::ofstream(program) << fmt::format(fmt::runtime(client), address);
      const auto outcome = from.try_run("timeout 30 /usr/bin/python3 " + program);
      INFO(outcome.output);
      CHECK(outcome.exit_code == 0);
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    };
    transfer(stage.node1, stage.physical, "192.168.77.100");
    transfer(stage.physical, stage.node1, "10.0.0.5");
  }

  SECTION("proxy ARP answers for the overlay's subnets and for nothing else") {
    CHECK(stage.pings(stage.physical, "10.0.0.5", "-c 1 -W 2"));
    const std::string phys_mac = mac_of(stage.host, "phys0");
    CHECK(stage.physical.run("ip neigh show 10.0.0.5").find(phys_mac) != std::string::npos);
    // Routed by the gateway's host, but not to the overlay: the underlay, and a range outside of the subnet.
    stage.physical.run("ip route add 172.31.77.0/24 dev eth0");
    CHECK_FALSE(stage.pings(stage.physical, "172.31.77.2"));
    CHECK_FALSE(stage.pings(stage.physical, "10.0.9.9"));
    CHECK(stage.physical.run("ip neigh show 172.31.77.2").find("lladdr") == std::string::npos);
    CHECK(stage.physical.run("ip neigh show 10.0.9.9").find("lladdr") == std::string::npos);
  }

  SECTION("addresses of the overlay without a port are dropped in the switch, not bounced by the kernel") {
    const auto to_kernel = stage.packets_of("table=40", "output:3");
    CHECK_FALSE(stage.pings(stage.node1, "10.0.0.99"));
    CHECK(eventually([&] { return stage.packets_of("table=30", "nw_dst=10.0.0.0/24") >= 1; }));
    const auto dropped = stage.packets_of("table=30", "nw_dst=10.0.0.0/24");
    CHECK_FALSE(stage.pings(stage.physical, "10.0.0.99"));
    CHECK(eventually([&] { return stage.packets_of("table=30", "nw_dst=10.0.0.0/24") > dropped; }));
    CHECK(stage.packets_of("table=40", "output:3") == to_kernel);
  }

  SECTION("what a node does not know is relayed to its node, marked so that it goes no further") {
    const std::string script = stage.folder + "/hear.py";
    std::ofstream(script) << "import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('10.0.0.6',"
                             "7001)); s.settimeout(10); print(*s.recvfrom(100), flush=True)\n";
    const pid_t pid = stage.node2.start({"/usr/bin/python3", script}, {}, stage.folder + "/heard");
    CHECK(eventually([&] {
      stage.node1.run(
          "/usr/bin/python3 -c \"import socket; "
          "socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'hello',('10.0.0.6',"
          "7001))\"");
      std::ifstream file(stage.folder + "/heard");
      const std::string heard{std::istreambuf_iterator<char>(file), {}};
      return heard.find("b'hello' ('10.0.0.5'") != std::string::npos;
    }));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    // A marked packet that comes back is not sent on.
    stage.node1.run("ip neigh replace 169.254.77.1 lladdr " + std::string(gateway::hop_mac) + " dev br0 nud permanent");
    CHECK_FALSE(stage.pings(stage.node1, "192.168.77.100"));
    CHECK(eventually([&] { return stage.packets_of("table=11", gateway::hop_mac) >= 1; }));
  }

  SECTION("packets that are too big for the overlay are answered by the kernel") {
    const auto outcome = stage.physical.try_run("ping -n -c 2 -W 2 -M do -s 1472 10.0.0.5");
    CHECK(outcome.exit_code != 0);
    CHECK(std::regex_search(outcome.output, std::regex("mtu ?= ?1450")));
    CHECK(stage.pings(stage.physical, "10.0.0.5", "-c 1 -W 2 -M do -s 1422"));
  }

  SECTION("senders that no node is, sources that are not of the overlay") {
    const auto strangers = stage.packets_of("table=10", "actions=drop");
    stage.controller.commit({WatchSource::tombstone(WatchSource::object("node", "n2", nullptr))});
    REQUIRE(eventually([&] { return stage.ask("/v1/flows").find("172.31.77.3") == std::string::npos; }));
    CHECK_FALSE(stage.pings(stage.node2, "192.168.77.100"));
    CHECK(eventually([&] { return stage.packets_of("table=10", "actions=drop") > strangers; }));
    stage.node1.run("ip address add 192.0.2.7/32 dev br0");
    const auto heard = stage.physical.run("cat /proc/net/snmp | grep '^Icmp:' | tail -1");
    CHECK_FALSE(stage.pings(stage.node1, "192.168.77.100", "-c 2 -i 0.05 -W 1 -I 192.0.2.7"));
    CHECK(stage.physical.run("cat /proc/net/snmp | grep '^Icmp:' | tail -1") == heard);
  }
}

TEST_CASE("the gateway follows the directory: subnets come and go, a port moves") {
  GatewayStage stage;
  stage.start_gateway();
  REQUIRE(stage.gets_ready());
  CHECK(stage.host.run("ip route show proto 77").find("10.0.0.0/24 via 169.254.77.1 dev mooring-gw0") !=
        std::string::npos);

  const auto more = GatewayStage::subnet("more", "10.0.1.0/24", "10.0.1.1", 101, 1400);
  stage.controller.commit({more, GatewayStage::subnet("theirs", "10.7.0.0/24", "10.7.0.1", 700, 1450, "other")});
  REQUIRE(eventually([&] {
    return stage.host.run("ip route show proto 77").find("10.0.1.0/24 via 169.254.77.1 dev mooring-gw0") !=
           std::string::npos;
  }));
  CHECK(stage.host.run("ip route show proto 77").find("mtu 1400") != std::string::npos);
  CHECK(stage.host.run("ip route show").find("10.7.0.0") == std::string::npos);
  stage.controller.commit({WatchSource::tombstone(more)});
  CHECK(eventually([&] { return stage.host.run("ip route show").find("10.0.1.0") == std::string::npos; }));

  // 10.0.0.6 moves from node 2 to node 1, which now hears it with VMAC.
  stage.node2.run("ip address del 10.0.0.6/32 dev br0");
  stage.node1.run("ip address add 10.0.0.6/32 dev br0");
  CHECK_FALSE(stage.pings(stage.physical, "10.0.0.6"));
  stage.controller.commit({WatchSource::port(100, "10.0.0.6", "n1", 0)});
  CHECK(eventually([&] { return stage.pings(stage.physical, "10.0.0.6"); }));

  // A route that is lost is put back.
  stage.host.run("ip route flush proto 77");
  CHECK(eventually([&] { return stage.pings(stage.physical, "10.0.0.5"); }));
}

TEST_CASE("a restart of the gateway loses no packet, even with the controller away") {
  GatewayStage stage;
  stage.start_gateway();
  REQUIRE(stage.gets_ready());
  REQUIRE(stage.pings(stage.physical, "10.0.0.5", "-c 1 -W 2"));
  const std::string flows_before = stage.flows_in_traffic();

  const pid_t ping =
      stage.physical.start({"ping", "-n", "-i", "0.01", "-c", "250", "10.0.0.5"}, {}, stage.folder + "/ping");
  stage.stop_gateway(SIGKILL);
  stage.controller.stop();
  stage.start_gateway();
  CHECK(eventually([&] { return stage.status().value("ready", false); }));
  INFO(stage.log_text());
  CHECK(stage.host.ofctl("dump-flows", "br-tun", "--no-stats") == flows_before);
  stage.controller.start();
  CHECK(stage.gets_ready());
  CHECK(stage.host.ofctl("dump-flows", "br-tun", "--no-stats") == flows_before);
  int status = 0;
  ::waitpid(ping, &status, 0);
  std::ifstream file(stage.folder + "/ping");
  const std::string heard{std::istreambuf_iterator<char>(file), {}};
  INFO(heard.substr(heard.size() < 300 ? 0 : heard.size() - 300));
  CHECK(heard.find(" 0% packet loss") != std::string::npos);
}

TEST_CASE("told to stop, the gateway ends well and leaves everything as it is") {
  GatewayStage stage;
  stage.start_gateway();
  REQUIRE(stage.gets_ready());
  const std::string flows_before = stage.flows_in_traffic();
  CHECK(stage.stop_gateway(SIGTERM) == 0);
  CHECK(stage.host.ofctl("dump-flows", "br-tun", "--no-stats") == flows_before);
  CHECK(stage.pings(stage.physical, "10.0.0.5", "-c 1 -W 2"));
  CHECK_FALSE(std::filesystem::exists(stage.socket()));
}

TEST_CASE("after a crash of vswitchd flows, foot and underlay are put back") {
  GatewayStage stage;
  stage.start_gateway();
  REQUIRE(stage.gets_ready());
  REQUIRE(stage.pings(stage.physical, "10.0.0.5", "-c 1 -W 2"));
  stage.host.kill_vswitchd();
  CHECK_FALSE(stage.pings(stage.physical, "10.0.0.5"));
  stage.host.start_vswitchd();
  const bool back = eventually([&] { return stage.pings(stage.physical, "10.0.0.5"); });
  INFO(stage.log_text());
  CHECK(back);
}

TEST_CASE("the gateway says what is wrong, and how to get on") {
  GatewayStage stage;

  SECTION("no such physical interface") {
    stage.host.run("ip link set phys0 name other0");
    stage.start_gateway();
    CHECK(stage.wait_for_gateway() == 1);
    CHECK(stage.log_text().find("option --physical-interface phys0: ") != std::string::npos);
    CHECK(stage.log_text().find("other0") != std::string::npos);
  }
  SECTION("one interface for both sides") {
    stage.start_gateway("--physical-interface=eth0");
    CHECK(eventually([&] { return stage.log_text().find("--physical-interface br-phy") != std::string::npos; }));
  }
  SECTION("an agent has the bridge") {
    stage.host.vsctl(
        "add-br br-tun -- set bridge br-tun datapath_type=netdev -- add-port br-tun patch-int -- set interface "
        "patch-int type=patch options:peer=patch-tun");
    stage.start_gateway();
    CHECK(eventually([&] { return stage.log_text().find("an agent has it") != std::string::npos; }));
    stage.host.vsctl("del-br br-tun");
    CHECK(stage.gets_ready());
  }
  SECTION("the subnet is somebody else's on this host") {
    stage.host.run("ip route add 10.0.0.0/24 via 192.168.77.50");
    stage.start_gateway();
    CHECK(eventually(
        [&] { return stage.log_text().find("this host has a route to it over phys0") != std::string::npos; }));
    CHECK(stage.host.run("ip route show 10.0.0.0/24").find("192.168.77.50") != std::string::npos);
    stage.host.run("ip route del 10.0.0.0/24");
    CHECK(stage.gets_ready());
  }
  SECTION("the name of the foot is taken") {
    stage.host.run("ip link add mooring-gw0 type bridge");
    stage.start_gateway();
    CHECK(eventually([&] { return stage.log_text().find("a link of that name is there") != std::string::npos; }));
    stage.host.run("ip link del mooring-gw0");
    CHECK(stage.gets_ready(30s));
  }
}
