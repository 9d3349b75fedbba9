// Random calls, against a model that is simple enough to be right: who holds what, who was fenced. After each call: no
// address is held by two, generations only grow, answers are what the model says, the published changes add up to a
// snapshot. Now and then a batch fails, or the controller restarts: memory must equal what is loaded.
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_state_text.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

struct Holder {
  std::string node, container, uid;
};

// What is known about one hostname.
struct Host {
  std::optional<net::Ipv4Address> address;
  bool stays = false;  // bound
  std::optional<Holder> live;
  std::string last_uid;
  std::set<std::string> fenced;
  Generation generation = 0;
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed), engine_(std::make_unique<Engine>(loop_, store_)) { engine_->usual(); }

  void step() {
    const auto kind = pick(100);
    disk_.fail_with(std::nullopt);
    failing_ = pick(20) == 0;
    if (failing_) {
      disk_.fail_with(Error(Errc::storage, "full", "make space"));
    }
    if (kind < 55) {
      add();
    } else if (kind < 80) {
      del();
    } else if (kind < 88) {
      confirm();
    } else if (kind < 93) {
      bind();
    } else if (kind < 97) {
      unbind();
    } else {
      restart();
    }
    check_addresses();
  }

  // Loaded again, everything is as it is in memory.
  void check_reload() {
    disk_.fail_with(std::nullopt);
    const auto memory = engine_->read([](const State& state) { return state_text(state); });
    State loaded;
    store_.load([&](const Write& row) { loaded.apply(row); }).value();
    REQUIRE(state_text(loaded) == memory);
    REQUIRE(memory.find("NOT INDEXED") == std::string::npos);
    check_directory();
  }

 private:
  using Directory = std::map<std::string, std::string>;  // shard, kind and key -> entry

  // What a reader of the changes holds is what a snapshot says.
  void check_directory() {
    const auto name = [](const Change& entry) { return fmt::format("{} {} {}", entry.shard, entry.kind, entry.key); };
    for (const ChangeSet& changes : engine_->published) {
      REQUIRE(changes.revision > last_published_);
      last_published_ = changes.revision;
      for (const Change& change : changes.changes) {
        REQUIRE(change.revision == changes.revision);
        if (change.deleted) {
          REQUIRE(directory_.erase(name(change)) == 1);
        } else {
          directory_[name(change)] = change.text;
        }
      }
    }
    engine_->published.clear();
    Directory snapshot;
    engine_->read([&](const State& state) {
      for (const auto shard : state.shards()) {
        for (const Change& entry : state.snapshot(shard)) {
          snapshot[name(entry)] = entry.text;
        }
      }
      return 0;
    });
    REQUIRE(snapshot == directory_);
  }

  std::size_t pick(std::size_t bound) { return random_() % bound; }
  std::string pick_name() { return "web-" + std::to_string(pick(14)); }

  void add() {
    const std::string name = pick_name();
    Host& host = hosts_[name];
    const bool again = host.live && pick(6) == 0;
    const Holder who = again ? *host.live
                             : Holder{"h" + std::to_string(1 + pick(3)), "c" + std::to_string(++containers_),
                                      pick(10) == 0 ? "" : "U" + std::to_string(pick(5)) + name};
    const bool constant = pick(2) == 0;
    Ask ask(who.node, who.container, name);
    ask.uid(who.uid).kind(constant ? Kind::stateful : Kind::stateless);
    const auto answer = engine_->allocate(ask);
    INFO("ADD " << name << " " << who.node << " " << who.container << " " << who.uid);
    if (failing_ && !answer && answer.error().code() == Errc::storage) {
      return;
    }
    if (again) {
      REQUIRE(answer);
      REQUIRE(answer->generation == host.generation);
      return;
    }
    if (host.live && !who.uid.empty() && host.live->uid == who.uid && host.live->node != who.node) {
      REQUIRE_FALSE(answer);
      REQUIRE(info(answer.error().code()).id == info(Errc::conflict).id);
      return;
    }
    if (!who.uid.empty() && host.fenced.contains(who.uid)) {
      REQUIRE_FALSE(answer);
      REQUIRE(info(answer.error().code()).id == info(Errc::superseded).id);
      return;
    }
    if (!answer) {
      REQUIRE(info(answer.error().code()).id == info(Errc::exhausted).id);
      REQUIRE_FALSE(host.address);
      REQUIRE(addresses_in_use() == 10);
      return;
    }
    if (host.address) {
      REQUIRE(answer->address.address == *host.address);
    }
    REQUIRE(answer->generation > newest_);
    const std::string loser = host.live ? host.live->uid : host.last_uid;
    if (!loser.empty() && loser != who.uid) {
      host.fenced.insert(loser);
    }
    newest_ = host.generation = answer->generation;
    host.address = answer->address.address;
    host.stays = host.stays || constant;
    host.live = who;
  }

  void del() {
    const std::string name = pick_name();
    Host& host = hosts_[name];
    const bool late = !host.live || pick(4) == 0;
    const Holder who = late ? Holder{"h1", "c" + std::to_string(pick(containers_ + 1)), ""} : *host.live;
    if (late && holds(who)) {
      return;
    }
    ipam_api::ReleaseRequest request;
    request.node = who.node;
    request.attachment = attachment(who.container);
    const auto answer = engine_->release(request);
    if (!answer) {
      REQUIRE(failing_);
      return;
    }
    REQUIRE(answer->released == !late);
    if (late) {
      return;
    }
    host.last_uid = host.live->uid;
    host.live.reset();
    if (!host.stays) {
      host = Host();
    }
  }

  void confirm() {
    const Host& host = hosts_[pick_name()];
    if (!host.live) {
      return;
    }
    const bool stale = pick(3) == 0;
    const auto answer = engine_->confirm(host.live->node, host.live->container, host.generation - (stale ? 1 : 0));
    REQUIRE((failing_ || answer.has_value() == !stale));
  }

  void bind() {
    const std::string name = pick_name();
    Host& host = hosts_[name];
    NewBinding wanted;
    wanted.owner = owner(name);
    const auto answer = engine_->bind(wanted);
    if (answer) {
      REQUIRE_FALSE(host.stays);
      REQUIRE((!host.address || *host.address == answer->addresses.primary().v4()));
      host.stays = true;
      host.address = answer->addresses.primary().v4();
    } else if (!failing_) {
      REQUIRE((host.stays || addresses_in_use() == 10));
    }
  }

  void unbind() {
    const std::string name = pick_name();
    Host& host = hosts_[name];
    const bool force = pick(2) == 0;
    const auto answer = engine_->unbind(owner(name), force);
    if (answer) {
      REQUIRE(host.stays);
      REQUIRE((force || !host.live));
      host.stays = false;
      host.last_uid.clear();
      if (!host.live) {
        host = Host();
      }
    } else if (!failing_) {
      REQUIRE((!host.stays || host.live));
    }
  }

  void restart() {
    check_reload();
    engine_ = std::make_unique<Engine>(loop_, store_);
  }

  bool holds(const Holder& who) const {
    for (const auto& [name, host] : hosts_) {
      if (host.live && host.live->node == who.node && host.live->container == who.container) {
        return true;
      }
    }
    return false;
  }
  std::size_t addresses_in_use() const {
    std::size_t count = 0;
    for (const auto& [name, host] : hosts_) {
      count += host.address ? 1U : 0U;
    }
    return count;
  }

  void check_addresses() {
    std::set<net::Ipv4Address> seen;
    std::size_t live = 0;
    for (const auto& [name, host] : hosts_) {
      if (!host.address) {
        continue;
      }
      REQUIRE(seen.insert(*host.address).second);
      const auto port = engine_->port(host.address->str());
      REQUIRE(port.has_value() == host.live.has_value());
      if (port) {
        ++live;
        REQUIRE(port->owner.hostname == name);
        REQUIRE(port->node == host.live->node);
        REQUIRE(port->attachment.container_id == host.live->container);
        REQUIRE(port->generation == host.generation);
      }
    }
    const PoolUse use = engine_->use("web");
    REQUIRE(use.allocated == live);
    REQUIRE(use.bound == seen.size() - live);
    REQUIRE(use.free == use.size - seen.size());
  }

  std::mt19937 random_;
  Loop loop_;
  MemoryDisk disk_;
  MemoryStore store_{disk_, loop_.post()};
  std::unique_ptr<Engine> engine_;
  Directory directory_;
  Revision last_published_ = 0;
  std::map<std::string, Host> hosts_;
  Generation newest_ = 0;
  std::size_t containers_ = 0;
  bool failing_ = false;
};

void run(unsigned first_seed, unsigned seeds, int steps) {
  for (unsigned seed = first_seed; seed < first_seed + seeds; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    for (int i = 0; i < steps; ++i) {
      CAPTURE(i);
      model.step();
    }
    model.check_reload();
  }
}

}  // namespace

TEST_CASE("random calls: no address for two, generations only grow, memory equals the store", "[app][model]") {
  run(1, 10, 1500);
}

TEST_CASE("many random calls", "[app][model][full]") {
  run(1000, 200, 5000);
}
