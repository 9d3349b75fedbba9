// CNI CHECK: is everything as ADD left it? All that is wrong is told at once.
#include <algorithm>

#include <fmt/format.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/cni_result.hpp"
#include "cni-plugin/commands.hpp"
#include "cni-plugin/container_end.hpp"
#include "cni-plugin/ovs_port.hpp"
#include "cni-plugin/tap_end.hpp"

namespace mooring::cni {
namespace {

// 0: what it should be is not known.
void check_mtu(const netlink::Link& link, std::uint32_t mtu_bytes, std::vector<std::string>& problems) {
  if (mtu_bytes != 0 && link.mtu_bytes != mtu_bytes) {
    problems.push_back(fmt::format("the MTU of {} is {}, not {}", link.name, link.mtu_bytes, mtu_bytes));
  }
}

// Appends one sentence for each thing that is not as `wanted` says.
Result<void> check_container_end(const Call& call, const NetConf& conf, const ResultInterface& wanted,
                                 const std::vector<ResultRoute>& wanted_routes, std::uint32_t mtu_bytes,
                                 std::vector<std::string>& problems) {
  const std::string& ifname = call.attachment.ifname;
  const auto netns = open_container(call.netns);
  if (!netns) {
    return netns.error();
  }
  auto container = netlink::NetlinkSocket::open_in(*netns);
  if (!container) {
    return container.error();
  }
  const auto link = container->find_link(ifname);
  if (!link) {
    if (link.error().code() != Errc::not_found) {
      return link.error();
    }
    problems.push_back(fmt::format("the container has no interface {}", ifname));
    return ok();
  }
  if (!link->up) {
    problems.push_back(fmt::format("{} is down", ifname));
  }
  check_mtu(*link, mtu_bytes, problems);
  const std::string mac = link->mac ? link->mac->str() : "none";
  if (!wanted.mac.empty() && wanted.mac != mac) {
    problems.push_back(fmt::format("the MAC of {} is {}, not {}", ifname, mac, wanted.mac));
  }
  if (conf.device.is_tap) {  // addresses and routes are the virtual machine's own
    return check_tap_end(*container, *link, call.attachment, problems);
  }
  std::vector<netlink::Address> addresses;
  std::vector<netlink::Route> routes;
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    const auto has = container->list_addresses(link->index, family);
    const auto knows = container->list_routes(std::nullopt, family);
    if (!has || !knows) {
      return has ? knows.error() : has.error();
    }
    addresses.insert(addresses.end(), has->begin(), has->end());
    routes.insert(routes.end(), knows->begin(), knows->end());
  }
  for (const net::IpInterfaceAddress& address : wanted.addresses) {
    if (std::none_of(addresses.begin(), addresses.end(), [&](const auto& has) { return has.address == address; })) {
      problems.push_back(fmt::format("{} does not have the address {}", ifname, address.str()));
    }
  }
  for (const ResultRoute& route : wanted_routes) {
    const bool there = std::any_of(routes.begin(), routes.end(), [&](const netlink::Route& has) {
      const auto as_told = [](std::uint32_t told, std::uint32_t real) { return told == 0 || told == real; };
      return has.destination == route.destination && (!route.via || has.via == route.via) &&
             as_told(route.metric, has.metric) && as_told(route.mtu_bytes, has.mtu_bytes) &&
             as_told(route.advmss_bytes, has.advmss_bytes) && as_told(route.table, has.table);
    });
    if (!there) {
      problems.push_back(fmt::format("the route to {}{} is missing", route.destination.str(),
                                     route.via ? " via " + route.via->str() : ""));
    }
  }
  return ok();
}

Result<void> check_host_end(const Call& call, const NetConf& conf, std::uint32_t mtu_bytes, Deadline deadline,
                            const Interruption& interruption, std::vector<std::string>& problems) {
  const std::string name = agent_api::host_interface_name(call.attachment);
  auto host = netlink::NetlinkSocket::open();
  if (!host) {
    return host.error();
  }
  const auto link = host->find_link(name);
  if (!link && link.error().code() != Errc::not_found) {
    return link.error();
  }
  if (!link || !link->up) {
    problems.push_back(fmt::format("the host end {} is {}", name, link ? "down" : "missing"));
  }
  if (link) {
    check_mtu(*link, mtu_bytes, problems);
  }
  auto ovsdb = OvsdbClient::connect(conf.ovsdb, deadline, interruption);
  if (!ovsdb) {
    return ovsdb.error();
  }
  const auto ports = ports_of(*ovsdb, call.attachment);
  if (!ports) {
    return ports.error();
  }
  if (ports->empty()) {
    problems.push_back(fmt::format("Open vSwitch has no port {}", name));
  }
  return ok();
}

// Answers the MTU that the port was made with.
Result<std::uint32_t> ask_agent(const Call& call, const NetConf& conf, const ResultInterface& wanted, Deadline deadline,
                                const Interruption& interruption, std::vector<std::string>& problems) {
  auto agent = AgentClient::connect(conf.agent_socket, deadline, interruption);
  if (!agent) {
    return agent.error();
  }
  agent_api::CheckRequest request;
  request.attachment = call.attachment;
  request.mac = wanted.mac;
  for (const net::IpInterfaceAddress& address : wanted.addresses) {
    (address.address.is_v4() ? request.address : request.address6) = address.str();
  }
  const auto answer = agent->check(request);
  if (!answer) {
    return answer.error();
  }
  problems.insert(problems.end(), answer->problems.begin(), answer->problems.end());
  return answer->mtu_bytes;
}

}  // namespace

Result<void> check(const Call& call, const NetConf& conf, const Interruption& interruption) {
  if (!conf.prev_result.is_object()) {
    return Error(Errc::invalid_config, "CHECK: prevResult is missing", "the result of ADD");
  }
  const auto wanted = interface_in(conf.prev_result, call.attachment.ifname);
  if (!wanted) {
    return wanted.error();
  }
  const auto routes = routes_in(conf.prev_result);
  if (!routes) {
    return routes.error();
  }
  if (wanted->addresses.empty() || wanted->mac.empty()) {
    return Error(Errc::invalid_config, "CHECK: prevResult gives no address or no MAC of " + call.attachment.ifname,
                 "the result of ADD, as it was");
  }
  const Deadline deadline = Clock::now() + conf.timeout;
  std::vector<std::string> problems, of_agent;
  const auto mtu_bytes = ask_agent(call, conf, *wanted, deadline, interruption, of_agent);
  if (!mtu_bytes) {
    return mtu_bytes.error();
  }
  if (const auto done = check_container_end(call, conf, *wanted, *routes, *mtu_bytes, problems); !done) {
    return done;
  }
  if (const auto done = check_host_end(call, conf, *mtu_bytes, deadline, interruption, problems); !done) {
    return done;
  }
  problems.insert(problems.end(), of_agent.begin(), of_agent.end());
  if (problems.empty()) {
    return ok();
  }
  return Error(Errc::check_failed, fmt::format("checking {}: {}", call.attachment.str(), fmt::join(problems, "; ")),
               "recreate the container, or see mooring-agent's log on this node");
}

}  // namespace mooring::cni
