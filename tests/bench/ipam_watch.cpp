#include "bench/ipam_watch.hpp"

#include <algorithm>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "bench/ipam_load.hpp"
#include "bench/load_socket.hpp"
#include "bench/waiting.hpp"

namespace mooring::bench {
namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t movers = 32;
constexpr std::size_t gaps_at_most = 20;
constexpr auto longest_wait = seconds(60);
constexpr auto retry_pause = milliseconds(20);

std::string node_name(std::size_t number) {
  return fmt::format("w{}", number);
}

struct Arrival {
  std::uint64_t revision;
  Clock::time_point at;
};

struct Watcher {
  std::unique_ptr<LineStream> stream;  // none: lost, to be opened again
  std::string incarnation;
  std::uint64_t revision = 0;  // all up to here has come
  bool greeted = false, whole = false, resumed = false;
  std::vector<Arrival> arrivals;
};

// One container that comes and goes.
struct Mover {
  std::unique_ptr<Client> client;  // none: lost with the controller
  bool busy = false;
  bool release = false;  // what it asks, or asks next
  Clock::time_point due;
};

class Watch {
 public:
  explicit Watch(const WatchOptions& options)
      : options_(options),
        watchers_(options.watchers),
        movers_(movers),
        read_line_([this](std::string_view line) { take(watchers_[reading_], line); }) {}

  Json run() {
    register_nodes();
    for (std::size_t i = 0; i < watchers_.size(); ++i) {
      open(i);
    }
    for (std::size_t i = 0; i < movers_.size(); ++i) {
      connect(i);
    }
    until("every watcher has its snapshot", [this] { return all(&Watcher::whole); });
    base_ = committed();
    const auto steady_begin = Clock::now();
    drive_for(options_.seconds);
    Json report = latencies(steady_begin, Clock::now());
    if (options_.restart) {
      report["after_restart"] = restart();
    }
    finish();
    report["watchers"] = watchers_.size();
    report["changes"] = watchers_.front().arrivals.size();
    std::size_t deliveries = 0;
    for (const Watcher& watcher : watchers_) {
      deliveries += watcher.arrivals.size();
    }
    report["deliveries"] = deliveries;
    report["wrong"] = wrong_;
    return report;
  }

 private:
  void register_nodes() {
    Client client(options_.socket);
    for (std::size_t i = 0; i < watchers_.size(); ++i) {
      const Answer answer =
          client.call("PUT", "/v1/nodes/" + node_name(i),
                      fmt::format(R"({{"machine_id":"m-{0}","vtep":"172.{1}.{2}.{3}","version":"bench"}})", i,
                                  16 + i / 62'500, i / 250 % 250, i % 250 + 1));
      if (answer.status != 200) {
        throw std::runtime_error(fmt::format("registering {}: {} {}", node_name(i), answer.status, answer.body));
      }
    }
  }

  std::uint64_t committed() const {
    Client client(options_.socket);
    return number_in(client.call("GET", "/v1/version").body, "revision");
  }

  // --- streams: tags of epoll below watchers_.size(); movers behind them ----------------------------------------
  void open(std::size_t i) {
    Watcher& watcher = watchers_[i];
    std::string target = fmt::format("/v1/watch?protocol=1&role=node&name={}", node_name(i));
    if (!watcher.incarnation.empty()) {
      target += fmt::format("&incarnation={}&revision={}", watcher.incarnation, watcher.revision);
    }
    watcher.greeted = watcher.resumed = false;
    watcher.stream = std::make_unique<LineStream>(options_.socket, target);
    epoll_.add(watcher.stream->fd(), i);
  }

  void take(Watcher& watcher, std::string_view line) {
    constexpr std::string_view revision_mark = R"("revision":)";
    const auto revision = [&] {
      std::uint64_t number = 0;
      for (std::size_t at = line.rfind(revision_mark) + revision_mark.size(); line[at] >= '0' && line[at] <= '9';
           ++at) {
        number = number * 10 + static_cast<std::uint64_t>(line[at] - '0');
      }
      return number;
    };
    if (line.ends_with(R"("type":"CHANGES"})")) {
      const std::uint64_t changed = revision();
      if (changed <= watcher.revision) {
        wrong(fmt::format("a watcher got revision {} after {}", changed, watcher.revision));
      }
      watcher.revision = changed;
      if (base_ != 0) {
        watcher.arrivals.push_back({changed, now_});
      }
    } else if (line.ends_with(R"("type":"HEARTBEAT"})")) {
      watcher.revision = std::max(watcher.revision, revision());
    } else if (line.ends_with(R"("type":"END_OF_SNAPSHOTS"})")) {
      watcher.revision = revision();
      watcher.whole = true;
    } else if (line.ends_with(R"("type":"HELLO"})")) {
      watcher.greeted = true;
      watcher.resumed = line.find(R"("resume":true)") != line.npos;
      watcher.incarnation = text_in(line, "incarnation");
    } else if (line.ends_with(R"("type":"GOODBYE"})")) {
      wrong(fmt::format("a stream was ended: {}", line));
    }
  }

  // --- changes --------------------------------------------------------------------------------------------------
  void connect(std::size_t i) {
    movers_[i].client = std::make_unique<Client>(options_.socket);
    epoll_.add(movers_[i].client->fd(), watchers_.size() + i);
  }

  void ask(std::size_t i) {
    Mover& mover = movers_[i];
    mover.busy = true;
    const std::string attachment =
        fmt::format(R"("node":"{}","attachment":{{"container_id":"mover-{}","ifname":"eth0"}})",
                    node_name(i % watchers_.size()), i);
    try {
      if (mover.release) {
        mover.client->ask("POST", "/v1/ports:release", fmt::format(R"({{{},"reason":"cni-del"}})", attachment));
      } else {
        mover.client->ask("POST", "/v1/ports:allocate",
                          fmt::format(R"({{{},"namespace":"bench","hostname":"mover-{}"}})", attachment, i));
      }
    } catch (const Lost&) {
      lost_mover(i);
    }
  }

  void answered(std::size_t i, const Answer& answer) {
    Mover& mover = movers_[i];
    if (answer.status != 200) {
      wrong(fmt::format("mover-{}: {} {}", i, answer.status, answer.body));
    } else if (!mover.release) {
      due_[number_in(answer.body, "generation")] = mover.due;
    }
    mover.busy = false;
    mover.release = !mover.release;
  }

  void lost_mover(std::size_t i) { movers_[i].client.reset(); }

  // --- the loop -------------------------------------------------------------------------------------------------
  void step() {
    now_ = Clock::now();
    while (driving_ && next_due_ <= now_) {
      overdue_.push_back(next_due_);
      next_due_ +=
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / options_.changes_per_second));
    }
    for (std::size_t i = 0; i < movers_.size() && !overdue_.empty(); ++i) {
      next_mover_ = (next_mover_ + 1) % movers_.size();
      if (!movers_[next_mover_].busy && movers_[next_mover_].client) {
        movers_[next_mover_].due = overdue_.front();
        overdue_.pop_front();
        ask(next_mover_);
      }
    }
    auto pause = microseconds(5000);
    if (driving_) {
      pause = std::clamp(std::chrono::duration_cast<microseconds>(next_due_ - now_), microseconds(0), pause);
    }
    for (const std::uint64_t tag : epoll_.wait(pause)) {
      now_ = Clock::now();
      if (tag < watchers_.size()) {
        read_stream(tag);
      } else {
        read_mover(tag - watchers_.size());
      }
    }
    if (restarting_) {
      reopen();
    }
  }

  void read_stream(std::size_t i) {
    if (!watchers_[i].stream) {
      return;  // lost a moment ago
    }
    reading_ = i;
    try {
      watchers_[i].stream->read(read_line_);
    } catch (const Lost& lost) {
      watchers_[i].stream.reset();
      if (!restarting_) {
        wrong(fmt::format("the stream of {} was lost: {}", node_name(i), lost.what()));
      }
    }
  }

  void read_mover(std::size_t i) {
    if (!movers_[i].client) {
      return;
    }
    try {
      if (const auto answer = movers_[i].client->read()) {
        answered(i, *answer);
      }
    } catch (const Lost&) {
      lost_mover(i);
    }
  }

  // What was lost with the controller, as soon as somebody listens again.
  void reopen() {
    if (now_ < next_try_) {
      return;
    }
    next_try_ = now_ + retry_pause;
    try {
      for (std::size_t i = 0; i < watchers_.size(); ++i) {
        if (!watchers_[i].stream) {
          open(i);
          first_open_ = std::min(first_open_, Clock::now());
          ++reopened_;
        }
      }
      for (std::size_t i = 0; i < movers_.size(); ++i) {
        if (!movers_[i].client) {
          connect(i);
          if (movers_[i].busy) {
            ask(i);  // the same call once more: it is idempotent
          }
        }
      }
    } catch (const Lost&) {
      return;  // nobody listens yet
    }
  }

  template <class Condition>
  void until(const std::string& what, Condition condition) {
    step_until(longest_wait, what, condition, [this] { step(); });
  }

  bool all(bool Watcher::*flag) const {
    return std::all_of(watchers_.begin(), watchers_.end(), [flag](const Watcher& watcher) { return watcher.*flag; });
  }

  void drive_for(double duration) {
    driving_ = true;
    next_due_ = Clock::now();
    const auto end = Clock::now() + std::chrono::duration<double>(duration);
    while (Clock::now() < end) {
      step();
    }
    driving_ = false;
    until("every call is answered", [this] { return overdue_.empty() && idle(); });
    const std::uint64_t last = committed();
    until(fmt::format("every watcher has revision {}", last), [this, last] {
      return std::all_of(watchers_.begin(), watchers_.end(),
                         [last](const Watcher& watcher) { return watcher.revision >= last; });
    });
  }

  bool idle() const {
    return std::none_of(movers_.begin(), movers_.end(), [](const Mover& mover) { return mover.busy; });
  }

  Json restart() {
    restarting_ = true;
    first_open_ = Clock::time_point::max();
    next_due_ = Clock::now();
    driving_ = true;  // changes are under way when the controller dies
    std::cout << R"({"ready_for":"restart"})" << std::endl;
    until("every stream was lost and is open again",
          [this] { return reopened_ >= watchers_.size() && all(&Watcher::greeted); });
    const auto back = Clock::now();
    std::size_t resumed = 0;
    for (const Watcher& watcher : watchers_) {
      resumed += watcher.resumed ? 1U : 0U;
    }
    drive_for(1);  // what piled up
    restarting_ = false;
    const auto begin = Clock::now();
    drive_for(options_.seconds);
    Json report = latencies(begin, Clock::now());
    report["resumed"] = resumed;
    report["snapshots"] = watchers_.size() - resumed;
    report["resume_seconds"] = std::chrono::duration<double>(back - first_open_).count();
    return report;
  }

  // Of the allocations that were due in that time, to every watcher.
  Json latencies(Clock::time_point begin, Clock::time_point end) const {
    std::vector<double> took;
    for (const Watcher& watcher : watchers_) {
      for (const Arrival& arrival : watcher.arrivals) {
        const auto due = due_.find(arrival.revision);
        if (due != due_.end() && due->second >= begin && due->second <= end) {
          took.push_back(std::chrono::duration<double, std::micro>(arrival.at - due->second).count());
        }
      }
    }
    const Json raw = percentiles(took);
    return {{"p50_ms", raw["p50_us"].get<double>() / 1000},
            {"p99_ms", raw["p99_us"].get<double>() / 1000},
            {"max_ms", raw["max_us"].get<double>() / 1000},
            {"measured", took.size()}};
  }

  // Every watcher has had every revision, and every allocation that was answered is among them.
  void finish() {
    const auto revisions = [](const Watcher& watcher) {
      std::vector<std::uint64_t> numbers;
      for (const Arrival& arrival : watcher.arrivals) {
        numbers.push_back(arrival.revision);
      }
      return numbers;
    };
    const auto longest = std::max_element(
        watchers_.begin(), watchers_.end(),
        [](const Watcher& left, const Watcher& right) { return left.arrivals.size() < right.arrivals.size(); });
    const std::vector<std::uint64_t> expected = revisions(*longest);
    for (std::size_t i = 0; i < watchers_.size(); ++i) {
      if (revisions(watchers_[i]) != expected) {
        wrong(fmt::format("{} got {} revisions, another watcher {}", node_name(i), watchers_[i].arrivals.size(),
                          expected.size()));
      }
    }
    for (const auto& [revision, due] : due_) {
      if (!std::binary_search(expected.begin(), expected.end(), revision)) {
        wrong(fmt::format("revision {} was answered, and no watcher has it", revision));
      }
    }
  }

  void wrong(std::string what) {
    if (wrong_.size() < gaps_at_most) {
      wrong_.push_back(std::move(what));
    }
  }

  WatchOptions options_;
  Epoll epoll_;
  std::vector<Watcher> watchers_;
  std::vector<Mover> movers_;
  std::function<void(std::string_view)> read_line_;
  std::size_t reading_ = 0;
  std::uint64_t base_ = 0;  // what comes after this revision is recorded
  Clock::time_point now_ = Clock::now(), next_due_, next_try_, first_open_;
  std::deque<Clock::time_point> overdue_;
  std::size_t next_mover_ = 0, reopened_ = 0;
  bool driving_ = false, restarting_ = false;
  std::map<std::uint64_t, Clock::time_point> due_;  // by the revision that the allocation got
  std::vector<std::string> wrong_;
};

}  // namespace

Json run_watch(const WatchOptions& options) {
  return Watch(options).run();
}

}  // namespace mooring::bench
