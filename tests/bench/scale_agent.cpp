#include "bench/scale_agent.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "ovs-agent/domain/may_delete.hpp"
#include "ovs-agent/domain/miss.hpp"

namespace mooring::bench {
namespace {

constexpr std::size_t most_known_lines = 4096;
constexpr std::size_t most_ports_of_an_agent = 4096;

agent::WorkingSet::Settings working_set() {
  agent::WorkingSet::Settings settings;
  settings.capacity = most_ports_of_an_agent;
  return settings;
}

directory::WatchClientSettings watch_settings(const std::string& socket, const SimulatedNode& node) {
  directory::WatchClientSettings settings;
  settings.name = node.name;
  settings.registration = node.registration;
  settings.controller = http::Endpoint::unix_socket(socket);
  return settings;
}

ovs::FlowSync::Options sync_options(const char* bridge, const directory::Directory& directory) {
  ovs::FlowSync::Options options;
  options.bridge = bridge;
  options.may_delete = [&directory](const ovs::Flow& flow) { return agent::may_delete(flow, directory, true); };
  return options;
}

}  // namespace

SimulatedNode::SimulatedNode(std::size_t number)
    : name(fmt::format("n{}", number)), vtep(static_cast<std::uint32_t>(0xac100001 + number)) {
  registration.machine_id = fmt::format("{:032x}", number);
  registration.vtep = vtep;
  registration.version = MOORING_VERSION;
}

// ---- what all have ----

AgentLogic::AgentLogic(boost::asio::io_context& io, const SimulatedNode& node)
    : directory(node.name),
      vtep_(node.vtep),
      in_use_(working_set()),
      br_int_(int_switch_.dial(), sync_options("br-int", directory)),
      br_tun_(tun_switch_.dial(), sync_options("br-tun", directory)),
      flows_(io.get_executor(),
             agent::FlowPlan(directory, ports_, agent::HostSettings{node.name, node.vtep, {}}, in_use_), br_int_,
             br_tun_) {
  int_switch_.connect();
  tun_switch_.connect();
  drive();
}

void AgentLogic::drive() {
  int_switch_.run();
  tun_switch_.run();
  for (tests::FakeSwitch* one : {&int_switch_, &tun_switch_}) {
    for (const auto& bundle : one->seen) {
      flow_changes_ += bundle.size();
    }
    one->seen.clear();
    one->meters_seen.clear();
  }
}

void AgentLogic::program_all() {
  flows_.refresh_all();
  drive();
}

void AgentLogic::use(const std::vector<PortKey>& destinations) {
  agent::FlowGroups groups;
  for (const PortKey key : destinations) {
    in_use_.admit(key, false, Clock::now());
    groups.insert(agent::destination_group(key));
  }
  flows_.refresh(groups);
  drive();
}

void AgentLogic::changed(const directory::Changes& changes) {
  flows_.directory_changed(changes);
  drive();
  arrivals_.push_back({directory.revision(), Clock::now()});
}

std::string AgentLogic::amiss() const {
  for (const PortKey key : in_use_.keys()) {
    const auto way = agent::way_to(key, directory, ports_, vtep_);
    std::size_t found = 0;
    for (const auto& [flow_key, flow] : tun_switch_.flows) {
      if (agent::destination_of(flow_key.match) != key) {
        continue;
      }
      ++found;
      if (!way || flow.actions.find(way->vtep.str()) == flow.actions.npos) {
        return fmt::format("{} leads to \"{}\", and the directory says {}", key.address.str(), flow.actions,
                           way ? way->vtep.str() : "nowhere");
      }
    }
    if (found != (way ? 1U : 0U)) {
      return fmt::format("{} has {} flows", key.address.str(), found);
    }
  }
  return {};
}

// ---- whole agents ----

WholeAgent::WholeAgent(boost::asio::io_context& io, const std::string& socket, const SimulatedNode& node)
    : logic(io, node), client_(io.get_executor(), logic.directory, watch_settings(socket, node), [this] {
        directory::WatchClientCallbacks callbacks;
        callbacks.changed = [this](const directory::Changes& changes) { logic.changed(changes); };
        return callbacks;
      }()) {
  logic.program_all();
  boost::asio::co_spawn(io, client_.run(), boost::asio::detached);
}

// ---- thin agents ----

std::shared_ptr<const ipam_api::Frame> Lines::parsed(std::string_view line) {
  std::string text(line);
  const auto known = known_.find(text);
  if (known != known_.end()) {
    return known->second;
  }
  auto frame = ipam_api::parse_frame(line);
  if (!frame) {
    return nullptr;
  }
  if (known_.size() >= most_known_lines) {
    known_.clear();
  }
  return known_.emplace(std::move(text), std::make_shared<const ipam_api::Frame>(std::move(*frame))).first->second;
}

ThinAgent::ThinAgent(boost::asio::io_context& io, std::string socket, const SimulatedNode& simulated, Lines& lines)
    : StreamAgent(std::move(socket), simulated),
      logic(io, simulated),
      lines_(lines),
      session_(
          logic.directory,
          [this] {
            directory::SessionSettings settings;
            settings.role = ipam_api::Role::node;
            settings.name = node().name;
            settings.jitter = [this] { return jitter(); };
            return settings;
          }(),
          Clock::now()) {}

directory::Actions ThinAgent::on_line(std::string_view line, Clock::time_point now) {
  const auto frame = lines_.parsed(line);
  return frame ? session_.frame(*frame, now) : session_.line(line, now);
}

directory::Image thin_image(const directory::Image& whole, const std::set<PortKey>& kept,
                            const std::set<std::string>& kept_nodes) {
  directory::Image thin;
  thin.incarnation = whole.incarnation;
  thin.revision = whole.revision;
  thin.digest = whole.digest;
  thin.names = whole.names;
  directory::Image::Object rest;
  rest.kind = "unchanged";
  rest.key = "all";
  rest.value = "{}";
  for (const directory::PortRecord& port : whole.ports) {
    if (kept.contains(port.key)) {
      thin.ports.push_back(port);
    } else {
      rest.hash += port.hash;
    }
  }
  for (const directory::Image::Object& object : whole.objects) {
    if (object.kind == ipam_api::entry_kind::node && !kept_nodes.contains(object.key)) {
      rest.hash += object.hash;
    } else {
      thin.objects.push_back(object);
    }
  }
  thin.objects.push_back(rest);
  return thin;
}

}  // namespace mooring::bench
