#include "bench/scale_run.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <sys/resource.h>

#include <fmt/format.h>

#include "bench/scale_agent.hpp"
#include "bench/scale_calls.hpp"
#include "bench/waiting.hpp"

namespace mooring::bench {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto longest_wait = seconds(180);
constexpr auto look_at_timers_every = milliseconds(5);
constexpr auto longest_pause = std::chrono::microseconds(1000);
constexpr std::size_t most_wrong = 20;
constexpr auto longer_than_a_heartbeat = milliseconds(5500);
// Pods that move go this many nodes on.
constexpr std::size_t step_of_a_move = 97;
constexpr std::size_t nodes_of_movers = 200;
constexpr std::size_t namespaces = 50;  // of ipam_store

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double own_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

double own_megabytes() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1024;
}

Json percentiles_of(std::vector<double>& milliseconds_) {
  std::sort(milliseconds_.begin(), milliseconds_.end());
  const auto at = [&](std::size_t percent) {
    return milliseconds_.empty()
               ? 0.0
               : milliseconds_[std::min(milliseconds_.size() - 1, milliseconds_.size() * percent / 100)];
  };
  return {{"p50_ms", at(50)}, {"p99_ms", at(99)}, {"max_ms", at(100)}, {"measured", milliseconds_.size()}};
}

void say(const Json& line) {
  std::cout << line.dump() << std::endl;
}

class Scale {
 public:
  explicit Scale(const ScaleOptions& options)
      : options_(options), calls_(options.socket, epoll_, options.agents), random_(1) {
    for (std::size_t i = 0; i < options.agents; ++i) {
      nodes_.emplace_back(i);
    }
  }

  void run() {
    make_movers();
    start_whole();
    start_thin();
    adds("adds in " + fmt::format("{:g} s", options_.slow_seconds), "slow", options_.slow_seconds);
    adds("adds in " + fmt::format("{:g} s", options_.fast_seconds), "fast", options_.fast_seconds);
    moves("moves", 1);
    restart();
    moves("moves after the restart", 2);
    finish();
    say({{"wrong", wrong_}});
  }

 private:
  std::size_t mover_nodes() const { return std::min(nodes_of_movers, options_.agents); }
  std::string mover_node(std::size_t mover, std::size_t round) const {
    return fmt::format("n{}", (mover + round * step_of_a_move) % mover_nodes());
  }
  Add mover_add(std::size_t mover, std::size_t round, Clock::time_point due) const {
    return {mover,
            mover_node(mover, round),
            fmt::format("mover-{}-{}", mover, round),
            fmt::format("team-{}", mover % namespaces),
            fmt::format("checkout-service-{:07}", mover),
            due};
  }

  // ---- the loop ----
  void step() {
    const auto now = Clock::now();
    calls_.step(now);
    for (const std::uint64_t tag : epoll_.wait(longest_pause)) {
      if (calls_.owns(tag)) {
        calls_.readable(tag);
      } else if (streams_[tag]->readable(Clock::now())) {
        epoll_.add(streams_[tag]->watch_fd(), tag);
      }
    }
    io_.restart();
    io_.poll();
    if (now >= look_at_timers_) {
      look_at_timers_ = now + look_at_timers_every;
      for (std::size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i]->tick(now)) {
          epoll_.add(streams_[i]->watch_fd(), i);
        }
      }
    }
  }

  template <class Condition>
  void until(const std::string& what, Condition condition) {
    step_until(longest_wait, what, condition, [this] { step(); });
  }

  void for_a(milliseconds time) {
    const auto end = Clock::now() + time;
    while (Clock::now() < end) {
      step();
    }
  }

  // ---- setting up ----
  void make_movers() {
    for (std::size_t i = 0; i < options_.moves; ++i) {
      calls_.plan(mover_add(i, 0, Clock::now()));
    }
    until("the pods that are to move are there", [this] { return calls_.idle(); });
    for (const Added& added : collect()) {
      keys_.push_back({added.allocation.vni, added.allocation.address.address});
    }
  }

  // They take the snapshot, all at once.
  void start_whole() {
    const auto begin = Clock::now();
    const double cpu = own_cpu_seconds();
    say({{"begin", "snapshots"}});
    for (std::size_t i = 0; i < options_.whole; ++i) {
      whole_.push_back(std::make_unique<WholeAgent>(io_, options_.socket, nodes_[i]));
    }
    until("whole agents have their snapshot", [this] {
      return std::all_of(whole_.begin(), whole_.end(), [](const auto& one) { return one->status().complete; });
    });
    say({{"end", "snapshots"},
         {"agents", whole_.size()},
         {"ports", whole_.front()->logic.directory.port_count()},
         {"seconds", seconds_since(begin)},
         {"own_cpu_seconds", own_cpu_seconds() - cpu},
         {"own_megabytes", own_megabytes()}});
    for (auto& one : whole_) {
      one->logic.use(some_destinations());
    }
  }

  // They were there before: they have their checkpoint, and resume.
  void start_thin() {
    const auto begin = Clock::now();
    say({{"begin", "resumes from checkpoints"}});
    const std::set<PortKey> kept(keys_.begin(), keys_.end());
    std::set<std::string> kept_nodes;
    for (std::size_t i = 0; i < mover_nodes(); ++i) {
      kept_nodes.insert(fmt::format("n{}", i));
    }
    const auto image = whole_.front()->logic.directory.image();
    const directory::Image thin = thin_image(image.value(), kept, kept_nodes);
    for (std::size_t i = options_.whole; i < options_.agents; ++i) {
      if (thin_.size() >= options_.thin) {
        streams_.push_back(std::make_unique<Listener>(options_.socket, nodes_[i], thin.incarnation, thin.revision));
        continue;
      }
      auto agent = std::make_unique<ThinAgent>(io_, options_.socket, nodes_[i], lines_);
      if (!agent->logic.directory.restore(thin)) {
        throw std::runtime_error("the thin replica contradicts its digest");
      }
      agent->logic.directory.take_changes();
      agent->logic.use(some_destinations());
      thin_.push_back(agent.get());
      streams_.push_back(std::move(agent));
    }
    const double made = seconds_since(begin);
    until("all agents follow", [this] { return everybody_follows(1); });
    say({{"end", "resumes from checkpoints"},
         {"agents", streams_.size()},
         {"seconds", seconds_since(begin) - made},
         {"snapshots", snapshots()},
         {"own_megabytes", own_megabytes()}});
    for_a(longer_than_a_heartbeat);
  }

  std::vector<PortKey> some_destinations() {
    std::vector<PortKey> picked;
    std::sample(keys_.begin(), keys_.end(), std::back_inserter(picked), options_.in_use, random_);
    return picked;
  }

  // ---- looking ----
  bool everybody_follows(std::uint64_t streams) const {
    return std::all_of(streams_.begin(), streams_.end(),
                       [=](const auto& one) { return one->live() && one->counters().streams >= streams; }) &&
           std::all_of(whole_.begin(), whole_.end(), [=](const auto& one) {
             const auto status = one->status();
             return status.connected && status.counters.streams >= streams;
           });
  }

  // Of agents that were there before.
  std::uint64_t snapshots() const {
    std::uint64_t count = 0;
    for (const auto& one : streams_) {
      count += one->counters().snapshots;
    }
    for (const auto& one : whole_) {
      count += one->status().counters.snapshots - 1;
    }
    return count;
  }

  template <class Look>
  void every_logic(Look look) {
    for (const auto& one : whole_) {
      look(one->logic);
    }
    for (const auto& one : thin_) {
      look(one->logic);
    }
  }

  std::uint64_t flow_changes() {
    std::uint64_t count = 0;
    every_logic([&](const AgentLogic& logic) { count += logic.flow_changes(); });
    return count;
  }

  std::uint64_t bytes() const {
    std::uint64_t count = 0;
    for (const auto& one : streams_) {
      count += one->bytes();
    }
    return count;
  }

  void wrong(std::string what) {
    if (wrong_.size() < most_wrong) {
      wrong_.push_back(std::move(what));
    }
  }

  std::vector<Added> collect() {
    for (std::string& one : calls_.take_wrong()) {
      wrong(std::move(one));
    }
    return calls_.take();
  }

  // ---- phases ----
  // What is planned is asked; ends when every agent has it. From when a change was due to be asked for until an agent
  // has applied it.
  std::vector<Added> phase(const std::string& name) {
    for (const auto& one : whole_) {
      one->logic.clear_arrivals();
    }
    for (const auto& one : streams_) {
      one->clear_arrivals();
    }
    const double cpu = own_cpu_seconds();
    const std::uint64_t flows = flow_changes(), received = bytes();
    const auto begin = Clock::now();
    say({{"begin", name}});
    until("every call is answered", [this] { return calls_.idle(); });
    std::vector<Added> added = collect();
    Revision last = 0;
    std::map<Revision, Clock::time_point> due;
    for (const Added& one : added) {
      due[one.allocation.generation] = one.add.due;
      last = std::max(last, one.allocation.generation);
    }
    until("every agent has it", [&] {
      return std::all_of(whole_.begin(), whole_.end(),
                         [=](const auto& one) { return one->logic.directory.revision() >= last; }) &&
             std::all_of(streams_.begin(), streams_.end(), [=](const auto& one) { return one->revision() >= last; });
    });
    const double took = seconds_since(begin);
    const double cpu_used = own_cpu_seconds() - cpu;
    for_a(milliseconds(200));  // the last confirmations
    Json report = latencies(due);
    report["end"] = name;
    report["changes"] = due.size();
    report["seconds"] = took;
    report["own_cpu_seconds"] = cpu_used;
    report["flow_changes"] = flow_changes() - flows;
    report["bytes_an_agent"] = (bytes() - received) / std::max<std::size_t>(1, streams_.size());
    say(report);
    return added;
  }

  Json latencies(const std::map<Revision, Clock::time_point>& due) {
    std::vector<double> each, last;
    std::map<Revision, double> slowest;
    std::size_t missed = 0;
    const auto look = [&](const std::vector<Arrival>& arrivals) {
      std::size_t found = 0;
      for (const Arrival& arrival : arrivals) {
        if (const auto change = due.find(arrival.revision); change != due.end()) {
          const double took = std::chrono::duration<double, std::milli>(arrival.at - change->second).count();
          each.push_back(took);
          double& most = slowest[arrival.revision];
          most = std::max(most, took);
          ++found;
        }
      }
      missed += found == due.size() ? 0U : 1U;
    };
    for (const auto& one : whole_) {
      look(one->logic.arrivals());
    }
    for (const auto& one : streams_) {
      look(one->arrivals());
    }
    if (missed != 0) {
      wrong(fmt::format("{} agents did not apply each change once", missed));
    }
    for (const auto& [revision, took] : slowest) {
      last.push_back(took);
    }
    return {{"an_agent", percentiles_of(each)}, {"all_agents", percentiles_of(last)}};
  }

  void adds(const std::string& name, const std::string& prefix, double duration) {
    const auto begin = Clock::now() + milliseconds(100);
    for (std::size_t i = 0; i < options_.adds; ++i) {
      const auto after =
          std::chrono::duration<double>(duration * static_cast<double>(i) / static_cast<double>(options_.adds));
      const std::string pod = fmt::format("{}-{}", prefix, i);
      calls_.plan({i, fmt::format("n{}", (i * 7) % options_.agents), pod, "bench", pod,
                   begin + std::chrono::duration_cast<Clock::duration>(after)});
    }
    phase(name);
  }

  void moves(const std::string& name, std::size_t round) {
    const auto begin = Clock::now() + milliseconds(100);
    for (std::size_t i = 0; i < options_.moves; ++i) {
      const auto after = std::chrono::duration<double>(options_.move_seconds * static_cast<double>(i) /
                                                       static_cast<double>(options_.moves));
      calls_.plan(mover_add(i, round, begin + std::chrono::duration_cast<Clock::duration>(after)));
    }
    std::map<PortKey, std::string> now_on;
    for (const Added& one : phase(name)) {
      now_on[{one.allocation.vni, one.allocation.address.address}] = one.add.node;
    }
    if (now_on.size() != keys_.size()) {
      wrong(fmt::format("{}: {} addresses were told, {} pods moved", name, now_on.size(), keys_.size()));
    }
    every_logic([&](const AgentLogic& logic) {
      for (const PortKey key : keys_) {
        const auto port = logic.directory.find(key);
        if (!port || port->node != now_on[key]) {
          wrong(fmt::format("{}: an agent has {} on {}, it is on {}", name, key.address.str(),
                            port ? port->node : "no node", now_on[key]));
        }
      }
      if (const std::string amiss = logic.amiss(); !amiss.empty()) {
        wrong(name + ": " + amiss);
      }
    });
  }

  void restart() {
    const std::uint64_t streams = 2, before = snapshots();
    const double cpu = own_cpu_seconds();
    say({{"begin", "restart"}});
    std::optional<Clock::time_point> first;
    until("everybody is back", [&] {
      if (!first && std::any_of(streams_.begin(), streams_.end(),
                                [=](const auto& one) { return one->counters().streams >= streams; })) {
        first = Clock::now();
      }
      return everybody_follows(streams);
    });
    const double took = seconds_since(first.value_or(Clock::now()));
    for_a(longer_than_a_heartbeat);  // the digests agree
    say({{"end", "restart"},
         {"resumed", options_.agents - (snapshots() - before)},
         {"snapshots", snapshots() - before},
         {"seconds_from_the_first_to_the_last", took},
         {"own_cpu_seconds", own_cpu_seconds() - cpu}});
    calls_.reconnect();
  }

  void finish() {
    for_a(longer_than_a_heartbeat);
    directory::SessionCounters all;
    const auto add = [&all](const directory::SessionCounters& one) {
      all.drifts += one.drifts;
      all.malformed_frames += one.malformed_frames;
      all.silences += one.silences;
      all.goodbyes += one.goodbyes;
      all.streams += one.streams;
    };
    for (const auto& one : streams_) {
      add(one->counters());
    }
    for (const auto& one : whole_) {
      add(one->status().counters);
    }
    say({{"end", "streams"},
         {"streams", all.streams},
         {"drifts", all.drifts},
         {"malformed", all.malformed_frames},
         {"silences", all.silences},
         {"goodbyes", all.goodbyes},
         {"own_megabytes", own_megabytes()}});
    if (all.drifts + all.malformed_frames + all.silences + all.goodbyes != 0) {
      wrong("streams were ended that should not have been");
    }
    if (all.streams != 2 * options_.agents) {
      wrong(fmt::format("{} streams were opened, {} are enough", all.streams, 2 * options_.agents));
    }
  }

  ScaleOptions options_;
  boost::asio::io_context io_{1};
  Epoll epoll_;
  ScaleCalls calls_;
  std::mt19937 random_;
  std::vector<SimulatedNode> nodes_;
  Lines lines_;
  std::vector<PortKey> keys_;  // of the pods that move
  std::vector<std::unique_ptr<WholeAgent>> whole_;
  std::vector<std::unique_ptr<StreamAgent>> streams_;  // thin ones and listeners
  std::vector<ThinAgent*> thin_;
  Clock::time_point look_at_timers_;
  std::vector<std::string> wrong_;
};

}  // namespace

void run_scale(const ScaleOptions& options) {
  Scale(options).run();
}

}  // namespace mooring::bench
