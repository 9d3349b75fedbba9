// CNI ADD (docs/life-of-an-add.md). While the agent asks the controller, the veth pair is made; while vswitchd adds the
// port, the container end is configured; nothing is told before the agent says that the port forwards.
#include <fmt/format.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/attach_request.hpp"
#include "cni-plugin/cni_result.hpp"
#include "cni-plugin/commands.hpp"
#include "cni-plugin/container_end.hpp"
#include "cni-plugin/detaching.hpp"
#include "cni-plugin/first_result.hpp"
#include "cni-plugin/ovs_port.hpp"
#include "cni-plugin/tap_end.hpp"
#include "cni-plugin/timing.hpp"
#include "mooring/agent_api/tap_alias.hpp"

namespace mooring::cni {
namespace {

// For each step that is taken back, beyond the time of the ADD itself.
constexpr std::chrono::seconds undo_time{5};

const Interruption& uninterrupted() {
  static const Interruption never;
  return never;
}

Result<void> remove_port(const std::string& ovsdb_endpoint, const agent_api::Attachment& attachment) {
  auto ovsdb = OvsdbClient::connect(ovsdb_endpoint, Clock::now() + undo_time, uninterrupted());
  return ovsdb ? remove_ports_of(*ovsdb, attachment) : Result<void>(ovsdb.error());
}

Result<void> remove_link(const std::string& name) {
  auto host = netlink::NetlinkSocket::open();
  return host ? host->delete_link(name) : Result<void>(host.error());
}

Result<void> remove_tap(const std::string& netns, const agent_api::Attachment& attachment) {
  const auto container = netlink::NetworkNamespace::open(netns);
  if (!container) {
    return ok();
  }
  auto socket = netlink::NetlinkSocket::open_in(*container);
  return socket ? netlink::delete_tap(*socket, attachment.ifname, agent_api::tap_alias(attachment))
                : Result<void>(socket.error());
}

Result<void> same_name(const std::string& by_agent, const std::string& by_plugin) {
  if (by_agent == by_plugin) {
    return ok();
  }
  return Error(Errc::unsupported, fmt::format("the agent calls the host end {}, this plugin {}", by_agent, by_plugin),
               "install mooring and mooring-agent of the same or neighbouring versions");
}

// One ADD under way: its connections, and what to take back.
class Adding {
 public:
  Adding(const Call& call, const NetConf& conf, const Interruption& interruption)
      : call_(call),
        conf_(conf),
        interruption_(interruption),
        deadline_(Clock::now() + conf.timeout),
        host_interface_(agent_api::host_interface_name(call.attachment)) {}

  Result<Added> run() {
    const auto wishes = wishes_of(conf_);
    if (!wishes) {
      return wishes.error();
    }
    auto request = attach_request_for(call_, *wishes);
    if (!request) {
      return request.error();
    }
    request->cni_network = conf_.name;
    configured_routes_ = wishes->routes;
    dns_ = wishes->dns;
    const auto netns = open_container(call_.netns);
    if (!netns) {
      return netns.error();
    }
    auto host = netlink::NetlinkSocket::open();
    auto container = netlink::NetlinkSocket::open_in(*netns);
    if (!host || !container) {
      return host ? container.error() : host.error();
    }
    if (const auto is_free = require_free_name(*container, call_.attachment.ifname); !is_free) {
      return is_free.error();
    }
    timing_.step("parse-and-open");
    return attach(*request, *netns, *host, *container);
  }

 private:
  Result<Added> attach(const agent_api::AttachRequest& request, const netlink::NetworkNamespace& netns,
                       netlink::NetlinkSocket& host, netlink::NetlinkSocket& container) {
    auto agent = AgentClient::connect(conf_.agent_socket, deadline_, interruption_);
    if (!agent) {
      return agent.error();
    }
    // From here on the agent may have allocated, whether we hear its answer or not.
    undo_.add("giving the address back",
              [socket = conf_.agent_socket, state = conf_.agent_state, attachment = call_.attachment] {
                return detach(socket, state, {attachment, "cni-add-failed"}, Clock::now() + undo_time, uninterrupted());
              });
    if (const auto sent = agent->send_attach(request); !sent) {
      return sent.error();
    }
    const auto created =
        create_pair(host, netns, call_.attachment, conf_.device.is_tap ? host_interface_ : call_.attachment.ifname);
    timing_.step("make-link");
    const auto answer = agent->receive_attach();
    if (!answer && answer.error().code() == Errc::already_exists) {
      undo_.forget_last();  // the address belongs to an ADD before this one
    }
    if (created) {
      undo_.add("deleting link " + host_interface_, [name = host_interface_] { return remove_link(name); });
    }
    if (!created || !answer) {
      return answer ? created.error() : answer.error();
    }
    timing_.step("wait-for-allocation");
    if (const auto agreed = same_name(answer->host_interface, host_interface_); !agreed) {
      return agreed.error();
    }
    return join_bridge(*answer, *agent, netns, host, container);
  }

  Result<Added> join_bridge(const agent_api::AttachAnswer& answer, AgentClient& agent,
                            const netlink::NetworkNamespace& netns, netlink::NetlinkSocket& host,
                            netlink::NetlinkSocket& container) {
    // vswitchd reads the MTU when it opens the port.
    const auto host_end = dress_host_end(host, answer);
    if (!host_end) {
      return host_end.error();
    }
    auto ovsdb = OvsdbClient::connect(answer.ovsdb, deadline_, interruption_);
    if (!ovsdb) {
      return ovsdb.error().within(fmt::format("adding port {} to bridge {}", host_interface_, answer.bridge));
    }
    const OvsPort port{answer.bridge, host_interface_, answer.ofport, answer.external_ids};
    undo_.add("removing OVS port " + host_interface_,
              [endpoint = answer.ovsdb, attachment = call_.attachment] { return remove_port(endpoint, attachment); });
    if (const auto begun = begin_adding(*ovsdb, port); !begun) {
      return begun.error();
    }
    timing_.step("begin-ovs-port");
    const auto routes = dress_inside(container, netns, answer);
    if (!routes) {
      return routes.error();
    }
    timing_.step("configure-container");
    if (const auto finished = finish_adding(*ovsdb, port); !finished) {
      if (finished.error().code() == Errc::already_exists) {
        undo_.forget_last();  // that port is not this ADD's to remove
      }
      return finished.error();
    }
    timing_.step("wait-for-ovsdb");
    if (const auto confirmed = agent.confirm({call_.attachment, answer.allocation.generation}); !confirmed) {
      return confirmed.error();
    }
    if (const auto kept = keep_tap(netns); !kept) {
      return kept.error();
    }
    timing_.step("wait-for-confirmation");
    timing_.tell();
    if (interruption_.requested()) {
      return interrupted(fmt::format("attaching {}", call_.attachment.str()));
    }
    Attached attached{
        answer.allocation, host_interface_, host_end->mac, call_.attachment.ifname, call_.netns, *routes, ""};
    attached.allocation.dns = told_dns(std::move(attached.allocation.dns), dns_);
    if (tap_) {
      attached.behind_tap = host_interface_;
    }
    if (has_first_shape(conf_.cni_version)) {  // it has no chains, and so no result of plugins before
      return Added{first_shape_of(conf_.cni_version, result_for("1.0.0", attached, Json())), std::move(undo_)};
    }
    return Added{result_for(conf_.cni_version, attached, conf_.prev_result), std::move(undo_)};
  }

  // Answers the routes of the result: those that were set, or that the virtual machine behind a tap is to set.
  Result<std::vector<netlink::Route>> dress_inside(netlink::NetlinkSocket& container,
                                                   const netlink::NetworkNamespace& netns,
                                                   const agent_api::AttachAnswer& answer) {
    if (!conf_.device.is_tap) {
      return dress_container_end(container, netns, call_.attachment.ifname, answer, configured_routes_);
    }
    auto tap = dress_tap_end(container, netns, call_.attachment, conf_.device, answer);
    if (!tap) {
      return tap.error();
    }
    tap_ = std::move(*tap);
    return routes_of(answer.allocation, configured_routes_, 0);
  }

  // Last of all: until then the tap device goes with this process, however it ends, and no agent need know of it.
  Result<void> keep_tap(const netlink::NetworkNamespace& netns) {
    if (!tap_) {
      return ok();
    }
    undo_.add("deleting tap device " + call_.attachment.ifname,
              [path = netns.path(), attachment = call_.attachment] { return remove_tap(path, attachment); });
    return tap_->keep();
  }

  const Call& call_;
  const NetConf& conf_;
  const Interruption& interruption_;
  std::vector<ConfiguredRoute> configured_routes_;
  ipam_api::Dns dns_;
  std::optional<netlink::TapDevice> tap_;
  Deadline deadline_;
  std::string host_interface_;
  Timing timing_;
  Undo undo_;
};

}  // namespace

Result<Added> add(const Call& call, const NetConf& conf, const Interruption& interruption) {
  return Adding(call, conf, interruption).run();
}

}  // namespace mooring::cni
