#include "ipam-controller/api/vip_keeper.hpp"

#include <algorithm>
#include <variant>

#include <spdlog/spdlog.h>

namespace mooring::controller {
namespace {

using namespace std::chrono_literals;

constexpr auto node_silence = 2200ms;
constexpr auto tick_interval = 200ms;
constexpr auto start_grace = 5s;
constexpr std::size_t rows_a_slice = 2000;
constexpr std::size_t most_backends = 1000;  // an entry must fit a line of the watch stream

// No list has such a name.
std::string followed_name(const std::string& vip) {
  return "vip/" + vip;
}

AddressList selection_of(const Vip& vip) {
  AddressList selection;
  selection.name = followed_name(vip.name);
  selection.network = vip.network;
  selection.selector = vip.selector;
  return selection;
}

bool selects_alike(const Vip& a, const Vip& b) {
  return a.network == b.network && a.selector == b.selector && a.listed == b.listed;
}

}  // namespace

VipKeeper::VipKeeper(boost::asio::any_io_executor executor, Ipam& ipam, Now now)
    : ipam_(ipam), now_(std::move(now)), timer_(std::move(executor)), self_(std::make_shared<VipKeeper*>(this)) {
  const std::weak_ptr<VipKeeper*> weak(self_);
  ipam_.follow_rows([weak](const std::vector<Write>& before, const State& state) {
    if (const auto self = weak.lock()) {
      (*self)->on_rows(before, state);
    }
  });
  ipam_.read([weak](const State& state, Revision) {
    if (const auto self = weak.lock()) {
      for (const auto& [name, vip] : state.vips()) {
        (*self)->follow(vip);
      }
    }
  });
  tick();
}

VipKeeper::~VipKeeper() = default;

void VipKeeper::stop() {
  stopped_ = true;
  timer_.cancel();
}

void VipKeeper::follow(const Vip& vip) {
  Kept& kept = kept_[vip.name];
  if (kept.content && selects_alike(kept.followed, vip)) {
    return;
  }
  contents_.forget(followed_name(vip.name));
  kept.followed = vip;
  kept.followed.backends.clear();
  for (const VipBackend& backend : vip.backends) {
    kept.nodes.insert(backend.node);
  }
  kept.content = contents_.follow(selection_of(vip));
  look_on();
}

void VipKeeper::look_on() {
  if (looking_ || stopped_) {
    return;
  }
  looking_ = true;
  ipam_.read([weak = std::weak_ptr(self_)](const State& state, Revision) {
    const auto alive = weak.lock();
    if (!alive) {
      return;
    }
    VipKeeper& self = **alive;
    std::vector<std::string> ready;
    const bool more = self.contents_.look(state, rows_a_slice, ready);
    self.looking_ = false;
    for (const auto& [name, kept] : self.kept_) {
      if (kept.content->ready()) {
        self.settle_soon(name);
      }
    }
    if (more) {
      self.look_on();
    }
  });
}

void VipKeeper::on_rows(const std::vector<Write>& before, const State& state) {
  for (const std::string& name : contents_.committed(before, state)) {
    settle_soon(name.substr(followed_name("").size()));
  }
  const auto changed = [&](const std::string& name) {
    if (const Vip* now = state.vip(name)) {
      follow(*now);
      settle_soon(name);
    } else {
      kept_.erase(name);
      contents_.forget(followed_name(name));
    }
  };
  // Of the listed addresses.
  const auto at = [&](net::IpAddress address) {
    for (const auto& [name, kept] : kept_) {
      const auto& listed = kept.followed.listed;
      if (std::any_of(listed.begin(), listed.end(), [&](const auto& range) { return range.contains(address); })) {
        settle_soon(name);
      }
    }
  };
  for (const Write& row : before) {
    if (const Vip* was = std::get_if<Vip>(&row)) {
      changed(was->name);
    } else if (const auto* created = std::get_if<Erase<Vip>>(&row)) {
      changed(created->key);
    } else if (const Port* port = std::get_if<Port>(&row)) {
      for (const net::IpAddress address : port->addresses.all()) {
        at(address);
      }
    } else if (const auto* begun = std::get_if<Erase<Port>>(&row)) {
      at(begun->key.address);
    } else if (std::holds_alternative<Network>(row)) {  // isolated now, perhaps
      for (const auto& [name, kept] : kept_) {
        settle_soon(name);
      }
    }
  }
}

bool VipKeeper::starting() const {
  return now_() < began_ + start_grace;
}

bool VipKeeper::alive(const std::string& node) const {
  const auto heard = heard_.find(node);
  return heard == heard_.end() ? starting() : now_() < heard->second + node_silence;
}

void VipKeeper::heard(const std::string& node, const std::vector<VipVerdict>& verdicts) {
  heard_[node] = now_();
  for (const VipVerdict& verdict : verdicts) {
    const auto kept = kept_.find(verdict.vip);
    if (kept == kept_.end()) {
      continue;
    }
    const Told told(verdict.address, node);
    const auto known = kept->second.verdicts.find(told);
    if (known == kept->second.verdicts.end() || known->second.healthy != verdict.healthy) {
      kept->second.verdicts[told] = Known{verdict.healthy, verdict.why};
      settle_soon(verdict.vip);
    }
  }
  if (alive_.insert(node).second) {
    for (const auto& [name, kept] : kept_) {
      if (kept.nodes.contains(node)) {
        settle_soon(name);
      }
    }
  }
}

void VipKeeper::tick() {
  if (stopped_) {
    return;
  }
  std::set<std::string> fallen;
  for (const std::string& node : alive_) {
    if (!alive(node)) {
      spdlog::warn("node {} has not been heard: its back ends get nothing new", node);
      fallen.insert(node);
    }
  }
  for (const auto& [name, kept] : kept_) {
    if (was_starting_ && !starting()) {
      settle_soon(name);  // who has not been heard by now is not there
    }
    for (const std::string& node : fallen) {
      alive_.erase(node);
      if (kept.nodes.contains(node)) {
        settle_soon(name);
      }
    }
  }
  was_starting_ = starting();
  settle();
  timer_.expires_after(tick_interval);
  timer_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& failure) {
    const auto self = weak.lock();
    if (!failure && self) {
      (*self)->tick();
    }
  });
}

void VipKeeper::settle_soon(const std::string& name) {
  due_.insert(name);
  settle();
}

void VipKeeper::settle() {
  if (settling_ || stopped_ || due_.empty()) {
    return;
  }
  settling_ = true;
  Caller caller;
  caller.actor = Actor{Actor::Kind::system, "vip-keeper", ""};
  const std::weak_ptr<VipKeeper*> weak(self_);
  const auto names = std::make_shared<std::set<std::string>>();
  // (What comes due until it is its turn is done with it.)
  const auto apply = [weak, names](Transaction& tx) -> Result<void> {
    const auto alive = weak.lock();
    if (!alive) {
      return ok();
    }
    VipKeeper& self = **alive;
    names->swap(self.due_);
    for (const std::string& name : *names) {
      const auto kept = self.kept_.find(name);
      const Vip* vip = tx.state().vip(name);
      if (vip == nullptr || kept == self.kept_.end() || !kept->second.content->ready()) {
        continue;
      }
      std::vector<VipBackend> now = self.backends_of(tx.state(), *vip, tx.revision());
      if (now != vip->backends) {
        Vip changed = *vip;
        changed.backends = std::move(now);
        tx.put(std::move(changed));
      }
    }
    return ok();
  };
  ipam_.run<void>(caller, apply, [weak, names](Result<void> done) {
    const auto alive = weak.lock();
    if (!alive) {
      return;
    }
    VipKeeper& self = **alive;
    self.settling_ = false;
    if (!done) {
      self.due_.insert(names->begin(), names->end());  // the next tick tries again
      return;
    }
    self.settle();
  });
}

std::vector<PortAddress> VipKeeper::members_of(const State& state, const Vip& vip, Kept& kept) const {
  std::vector<PortAddress> members = kept.content->members();
  for (const net::IpRange& range : vip.listed) {
    for (std::uint64_t i = 0; i < range.size(); ++i) {
      const net::IpAddress address = net::plus(range.first, i);
      if (const Subnet* subnet = state.subnet_containing(vip.network, address)) {
        members.push_back({subnet->vni, address});
      }
    }
  }
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
  members.erase(std::unique(members.begin(), members.end()), members.end());
  return members;
}

std::vector<VipBackend> VipKeeper::backends_of(const State& state, const Vip& vip, Revision now) {
  Kept& kept = kept_.at(vip.name);
  const Network* network = state.network(vip.network);
  const bool isolated = network != nullptr && network->isolated;
  std::map<Told, Known> verdicts;
  std::vector<VipBackend> backends;
  kept.nodes.clear();
  for (const PortAddress& at : members_of(state, vip, kept)) {
    const bool meant = at.address.family() == vip.address.family();
    const auto port = meant ? state.port(at) : Found<Port>();
    const bool usable = port && port->state == PortState::active && (!isolated || at.vni == vip.vni);
    if (!usable || backends.size() == most_backends) {
      continue;
    }
    VipBackend backend;
    backend.at = at;
    backend.pod = port->owner.namespace_ + "/" + port->owner.hostname;
    backend.node = port->node;
    const auto before = std::find_if(vip.backends.begin(), vip.backends.end(), [&](const VipBackend& known) {
      return known.at == at && known.node == port->node;
    });
    const bool was_healthy = before != vip.backends.end() && before->healthy;
    const auto verdict = kept.verdicts.find({at.address, std::string(port->node)});
    const bool judged = verdict != kept.verdicts.end();
    if (judged) {
      verdicts.insert(*verdict);
    }
    if (!alive(port->node)) {
      backend.why = "node " + port->node + " is silent";
    } else if (vip.check.kind == HealthCheck::Kind::none) {
      backend.healthy = true;
    } else if (judged) {
      backend.healthy = verdict->second.healthy;
      backend.why = verdict->second.healthy ? "" : verdict->second.why;
    } else {
      backend.healthy = was_healthy && starting();
      backend.why = backend.healthy ? "" : "not checked yet";
    }
    backend.since = before == vip.backends.end() ? 0 : before->since;
    if (backend.healthy && !was_healthy) {
      backend.since = now;
    }
    kept.nodes.insert(port->node);
    backends.push_back(std::move(backend));
  }
  kept.verdicts = std::move(verdicts);
  return backends;
}

}  // namespace mooring::controller
