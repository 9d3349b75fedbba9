// Random calls on everything at once: two families, pools with quotas, cool-down and fallback, rules, reservations,
// blocks, extra addresses, takeovers, retries, dry runs, time, a failing store, restarts with a clock that was set
// back. Nothing predicts the answers; after each call the state before and after is compared: an address changes hands
// only by way of nobody, and only when it has rested; quotas hold; counts are those of a recount; what failed or was
// only tried leaves no trace.
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"
#include "fakes/controller_judge.hpp"
#include "fakes/controller_state_text.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::controller;
using namespace mooring::controller::fakes;

namespace {

class World {
 public:
  explicit World(unsigned seed) : random_(seed), engine_(std::make_unique<Engine>(loop_, store_)) {
    engine_->usual();
    Subnet dual;
    dual.name = "dual";
    dual.vni = vni(101);
    dual.blocks = {{net::IpCidr::parse("10.0.1.0/24").value(), {}}, {net::IpCidr::parse("fd00::/64").value(), {}}};
    engine_->create(dual).value();
    for (const char* name : {"spare", "dual", "random"}) {
      Pool pool;
      pool.name = name;
      pool.subnet = name == std::string("dual") ? "dual" : "web";
      set_up(pool);
      engine_->create(pool).value();
    }
    Pool web = engine_->read([](const State& state) { return *state.pool("web"); });
    web.fallback = {"spare"};
    web.cooldown_seconds = 60;
    engine_->put(web).value();
    settle();
  }

  void step() {
    quota_counts_ = false;
    settle();
    failing_ = pick(15) == 0;
    dry_ = !failing_ && pick(8) == 0;
    if (failing_) {
      disk_.fail_with(Error(Errc::storage, "full", "make space"));
    }
    const std::string text = failing_ || dry_ ? now_text() : std::string();
    what_.clear();
    one_of_them();
    INFO(what_ << (dry_ ? " (dry run)" : "") << (failing_ ? " (failing)" : ""));
    disk_.fail_with(std::nullopt);
    if (!text.empty()) {
      REQUIRE(now_text() == text);
    }
    // One look: between two, something may end by itself.
    const View after = engine_->read([](const State& state) {
      View view = view_of(state);
      check_counts(state, view);
      return view;
    });
    judge_.check(after, engine_->ipam.now(), quota_counts_);
  }

  // Loaded again, in either order, everything is as it is in memory.
  void check_reload() {
    settle();
    const auto memory = engine_->read([](const State& state) { return state_text(state); });
    std::vector<Write> rows;
    State loaded;
    store_.load([&](const Write& row) { rows.push_back(row), loaded.apply(row); }).value();
    REQUIRE(state_text(loaded) == memory);
    REQUIRE(text_built_anew(rows) == memory);
    REQUIRE(memory.find("NOT INDEXED") == std::string::npos);
    reader_.read(std::exchange(engine_->published, {}));
    engine_->read([this](const State& state) { return reader_.compare(state), 0; });
  }

 private:
  std::size_t pick(std::size_t bound) { return random_() % bound; }
  std::string namespace_name() { return pick(3) == 0 ? "bank" : "shop"; }
  std::string host() { return (pick(3) == 0 ? "db-" : "web-") + std::to_string(pick(5)); }
  std::string node() { return "h" + std::to_string(1 + pick(3)); }
  Caller caller() { return Caller{{Actor::Kind::person, "tester", "here"}, "", dry_, std::nullopt}; }
  View look() { return engine_->read(view_of); }
  std::string now_text() {
    return engine_->read([this](const State& state) {
      std::string text = state_text(state);
      // (A failed batch may have moved the turn.)
      for (const auto& [name, pool] : dry_ ? state.pools() : State::Named<Pool>()) {
        const auto next = state.next_free(name, pool.has(net::Family::v4) ? net::Family::v4 : net::Family::v6);
        text += fmt::format("next of {}: {}\n", name, next ? next->str() : "none");
      }
      return text;
    });
  }
  template <class T>
  Result<T> ask(const std::function<void(Callback<T>)>& start) {
    auto result = engine_->wait<T>(start);
    const Errc code = result ? Errc::storage : result.error().code();
    what_ += result ? " ok" : " " + result.error().text();
    REQUIRE(code != Errc::internal);
    REQUIRE((failing_ || result || code != Errc::storage));
    return result;
  }
  // What is due by now is done.
  void settle() {
    engine_->ipam.tick();
    loop_.run_ready();
    const View after = look();
    judge_.check(after, engine_->ipam.now(), quota_counts_);
  }

  void set_up(Pool& pool) {
    if (pool.name == "spare") {
      pool.ranges = {range("10.0.0.40-10.0.0.47")};
      pool.strategy = Strategy::lowest;
    } else if (pool.name == "dual") {
      pool.ranges = {range("10.0.1.8-10.0.1.23"), range("fd00::10-fd00::17")};
      pool.namespace_quota = 5;
      pool.cooldown_seconds = 30;
    } else {
      pool.ranges = {range("10.0.0.64/29")};
      pool.strategy = Strategy::random;
      pool.deny = {"bank/db-*"};
      pool.quotas = {{"bank", 1}};
      pool.cooldown_seconds = 5;
    }
  }

  void one_of_them() {
    const auto kind = pick(100);
    if (kind < 34) {
      add();
    } else if (kind < 56) {
      del();
    } else if (kind < 70) {
      confirm();
    } else if (kind < 75) {
      bind();
    } else if (kind < 79) {
      change_binding();
    } else if (kind < 84) {
      extra();
    } else if (kind < 87) {
      block();
    } else if (kind < 90) {
      reservation();
    } else if (kind < 92) {
      rule();
    } else if (kind < 95) {
      pool();
    } else if (kind < 99) {
      pass_time();
    } else {
      restart();
    }
  }

  void add() {
    const bool again = !judge_.before().ports.empty() && pick(6) == 0;
    Ask request(node(), fmt::format("c{}", ++containers_), host());
    request.in(namespace_name());
    request.uid(pick(8) == 0 ? "" : fmt::format("U{}-{}", pick(3), request.hostname));
    const auto wish = pick(6);
    request.wishes.pools = wish == 0   ? std::vector<std::string>{"dual"}
                           : wish == 1 ? std::vector<std::string>{"random", "spare"}
                                       : std::vector<std::string>{};
    if (pick(3) == 0) {
      const Retention::Policy policies[] = {Retention::Policy::on_delete, Retention::Policy::ttl,
                                            Retention::Policy::with_workload, Retention::Policy::never};
      request.kind(Kind::stateful).wishes.retention = Retention{policies[pick(4)], 15};
    } else if (pick(4) == 0) {
      request.kind(Kind::stateless);
    }
    if (pick(10) == 0) {
      request.address(wish == 0 ? fmt::format("fd00::{:x}", 14 + pick(12)) : fmt::format("10.0.0.{}", 8 + pick(64)));
    }
    if (again) {
      const Port& port = judge_.before().ports[pick(judge_.before().ports.size())];
      request.node = port.node;
      request.attachment = port.attachment;
      request.hostname = port.owner.hostname;
      request.namespace_ = port.owner.namespace_;
    }
    what_ = fmt::format("ADD {}/{} on {} {} {}", request.namespace_, request.hostname, request.node, request.pod_uid,
                        request.wishes.addresses.str());
    const auto answer = ask<ipam_api::Allocation>([&](auto done) { engine_->ipam.allocate(caller(), request, done); });
    if (!answer || dry_) {
      return;
    }
    if (again) {
      REQUIRE(answer->generation <= newest_);
      return;
    }
    REQUIRE(answer->generation > newest_);
    newest_ = answer->generation;
    last_batch_ms_ = engine_->ipam.now();
    quota_counts_ = true;
  }

  void del() {
    ipam_api::ReleaseRequest request;
    const bool known = !judge_.before().ports.empty() && pick(8) != 0;
    request.node = node();
    request.attachment = attachment(fmt::format("c{}", pick(containers_ + 1)));
    if (known) {
      const Port& port = judge_.before().ports[pick(judge_.before().ports.size())];
      request.node = port.node;
      request.attachment = port.attachment;
    }
    what_ = "DEL on " + request.node;
    ask<ipam_api::ReleaseAnswer>([&](auto done) { engine_->ipam.release(caller(), request, done); });
  }

  void confirm() {
    if (!judge_.before().ports.empty()) {
      const Port& port = judge_.before().ports[pick(judge_.before().ports.size())];
      what_ = "confirm " + port.owner.str();
      const ipam_api::ConfirmRequest request{port.node, port.attachment, port.generation - (pick(4) == 0 ? 1 : 0)};
      ask<void>([&](auto done) { engine_->ipam.confirm(caller(), request, done); });
    }
  }

  void bind() {
    NewBinding wanted;
    wanted.owner = owner(host(), namespace_name());
    wanted.pool = pick(2) == 0 ? "dual" : "";
    if (pick(3) == 0) {
      wanted.addresses.set(any(fmt::format("10.0.{}.{}", wanted.pool.empty() ? 0 : 1, 8 + pick(16))));
    }
    what_ = fmt::format("bind {} {}", wanted.owner.str(), wanted.addresses.str());
    ask<Binding>([&](auto done) { engine_->ipam.create_binding(caller(), wanted, done); });
  }

  void change_binding() {
    const BindingKey key = owner(host(), namespace_name());
    const auto kind = pick(4);
    what_ = fmt::format("change binding {} ({})", key.str(), kind);
    if (kind == 0) {
      const std::string workload = pick(2) == 0 ? "db" : "web";
      ask<std::uint64_t>([&](auto done) { engine_->ipam.delete_workload(caller(), key.namespace_, workload, done); });
    } else if (kind == 1) {
      BindingChange change;
      change.retention = Retention{pick(2) == 0 ? Retention::Policy::ttl : Retention::Policy::never, 10};
      ask<Binding>([&](auto done) { engine_->ipam.change_binding(caller(), key, change, done); });
    } else {
      ask<void>([&](auto done) { engine_->ipam.delete_binding(caller(), key, pick(2) == 0, done); });
    }
  }

  void extra() {
    const std::string text = fmt::format("10.0.{}.{}", pick(2), 8 + pick(6));
    const auto kind = pick(4);
    what_ = fmt::format("extra address {} ({})", text, kind);
    if (kind == 0) {
      ExtraAddress wanted;
      wanted.network = default_network;
      wanted.address = any(text);
      wanted.namespace_ = "shop";
      wanted.hostnames = {"web-*"};
      wanted.note = std::to_string(pick(3));
      ask<Stored<ExtraAddress>>([&](auto done) { engine_->ipam.put<ExtraAddress>(caller(), wanted, done); });
    } else if (kind == 1 && pick(3) == 0) {
      const PortAddress key{vni(text[5] == '0' ? 100 : 101), any(text)};
      ask<void>([&](auto done) { engine_->ipam.remove<ExtraAddress>(caller(), key, done); });
    } else {
      const MoveRequest move{default_network, any(text),
                             pick(4) == 0 ? std::nullopt : std::optional(owner(fmt::format("web-{}", pick(5))))};
      ask<ExtraAddress>([&](auto done) { engine_->ipam.move_extra_address(caller(), move, done); });
    }
  }

  void block() {
    if (judge_.before().blocks.empty() || pick(2) == 0) {
      const LeaseRequest request{node(), pick(2) == 0 ? "web" : "spare", net::Family::v4,
                                 static_cast<std::uint32_t>(1 + pick(4)), 0};
      what_ = "lease of " + request.pool;
      ask<Block>([&](auto done) { engine_->ipam.lease_block(caller(), request, done); });
    } else {
      what_ = "return block";
      const std::string id = judge_.before().blocks.begin()->first;
      const bool reported = pick(3) != 0;
      ask<void>([&](auto done) { engine_->ipam.return_block(caller(), id, reported, done); });
    }
  }

  void reservation() {
    Reservation wanted;
    wanted.name = pick(2) == 0 ? "printer" : "old";
    what_ = "reservation " + wanted.name;
    if (pick(3) == 0) {
      ask<void>([&](auto done) { engine_->ipam.remove<Reservation>(caller(), wanted.name, done); });
      return;
    }
    wanted.subnet = wanted.name == "old" ? "dual" : "web";
    const auto first = 8 + pick(14);
    wanted.range = range(wanted.name == "old" ? fmt::format("fd00::{:x}-fd00::{:x}", first, first + pick(3))
                                              : fmt::format("10.0.0.{}-10.0.0.{}", first, first + pick(3)));
    const auto answer =
        ask<Stored<Reservation>>([&](auto done) { engine_->ipam.put<Reservation>(caller(), wanted, done); });
    if (answer && !dry_) {
      // What rests inside need not rest any more.
      judge_.forget_rests([&](PortAddress key) {
        return key.vni == vni(wanted.subnet == "web" ? 100 : 101) && wanted.range.contains(key.address);
      });
    }
  }

  void rule() {
    Rule wanted;
    wanted.name = "dbs";
    wanted.selector.hostnames = {"db-*"};
    wanted.wishes.pools = {"dual"};
    if (pick(2) == 0) {
      wanted.takeover = true;
    }
    what_ = "rule";
    if (pick(3) == 0) {
      ask<void>([&](auto done) { engine_->ipam.remove<Rule>(caller(), wanted.name, done); });
    } else {
      ask<Stored<Rule>>([&](auto done) { engine_->ipam.put<Rule>(caller(), wanted, done); });
    }
  }

  void pool() {
    Pool wanted = judge_.before().pools.at(pick(2) == 0 ? "dual" : "web");
    const unsigned base = wanted.name == "dual" ? 1 : 0;
    const auto first = 8 + pick(5);
    wanted.ranges.front() = range(fmt::format("10.0.{}.{}-10.0.{}.{}", base, first, base, 18 + pick(8)));
    wanted.exclusions.clear();
    if (pick(3) == 0) {
      wanted.exclusions = {range(fmt::format("10.0.{}.{}", base, 13 + pick(5)))};
    }
    what_ = "pool " + wanted.name + " " + wanted.ranges.front().str();
    ask<Stored<Pool>>([&](auto done) { engine_->ipam.put<Pool>(caller(), wanted, done); });
  }

  void pass_time() {
    if (!failing_ && !dry_) {
      what_ = "time passes";
      engine_->now += static_cast<TimeMs>(pick(40'000));
      settle();
    }
  }

  void restart() {
    if (failing_ || dry_) {
      return;
    }
    what_ = "restart";
    check_reload();
    engine_ = std::make_unique<Engine>(loop_, store_);  // the machine's clock was set back to the beginning
    REQUIRE(engine_->ipam.now() >= last_batch_ms_);
  }

  std::mt19937 random_;
  Loop loop_;
  MemoryDisk disk_;
  MemoryStore store_{disk_, loop_.post()};
  std::unique_ptr<Engine> engine_;
  Judge judge_;
  Reader reader_;
  Generation newest_ = 0;
  std::size_t containers_ = 0;
  TimeMs last_batch_ms_ = 0;
  bool failing_ = false, dry_ = false, quota_counts_ = false;
  std::string what_;
};

void run(unsigned first_seed, unsigned seeds, int steps) {
  for (unsigned seed = first_seed; seed < first_seed + seeds; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < steps; ++i) {
      CAPTURE(i);
      world.step();
      if (i % 100 == 99) {
        world.check_reload();
      }
    }
  }
}

}  // namespace

TEST_CASE("random calls on everything: nothing is given twice, too soon or beyond a quota", "[app][model]") {
  run(1, 4, 500);
}

TEST_CASE("many random calls on everything", "[app][model][full]") {
  run(1000, 100, 3000);
}
