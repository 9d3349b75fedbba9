#include "bench/ipam_load.hpp"

#include <algorithm>
#include <memory>
#include <unordered_set>

#include <fmt/format.h>

#include "bench/load_socket.hpp"

namespace mooring::bench {
namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;

constexpr std::size_t wrong_at_most = 20;
constexpr microseconds patience{30'000'000};

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options), held_(options.clients) {
    for (std::size_t i = 0; i < options_.clients; ++i) {
      callers_.push_back(std::make_unique<Caller>(options_.socket));
      epoll_.add(callers_.back()->client.fd(), i);
    }
    took_.reserve(options_.count);
  }

  Json run() {
    const auto begin = Clock::now();
    phase([this](std::size_t caller) { return next_allocation(caller); });
    const double seconds = microseconds_since(begin) / 1e6;
    Json report = percentiles(took_);
    report["calls"] = took_.size();
    report["seconds"] = seconds;
    report["per_second"] = static_cast<double>(took_.size()) / seconds;
    report["repeated"] = repeated_;
    if (!options_.keep && !options_.pairs) {
      const auto release_begin = Clock::now();
      const std::size_t releases = addresses_.size();
      phase([this](std::size_t caller) { return next_release(caller); });
      report["releases_per_second"] = static_cast<double>(releases) / (microseconds_since(release_begin) / 1e6);
    }
    report["wrong"] = wrong_;
    return report;
  }

 private:
  enum class Asked { nothing, allocate, again, release };
  struct Caller {
    explicit Caller(const std::string& path) : client(path) {}
    Client client;
    Asked asked = Asked::nothing;
    std::size_t number = 0;
    Clock::time_point begin;
    std::string first_answer;  // of a call that is repeated
  };
  struct Held {
    std::size_t number;
    std::string address;
  };

  // Every caller does what `next` says (false: nothing more) until all are done.
  template <class Next>
  void phase(const Next& next) {
    std::size_t busy = 0;
    for (std::size_t i = 0; i < callers_.size(); ++i) {
      busy += next(i) ? 1U : 0U;
    }
    while (busy > 0) {
      const auto& ready = epoll_.wait(patience);
      if (ready.empty()) {
        throw std::runtime_error(fmt::format("{} calls have not been answered within 30 s", busy));
      }
      for (const std::uint64_t i : ready) {
        const auto answer = callers_[i]->client.read();
        if (answer && !go_on(i, *answer) && !next(i)) {
          --busy;
        }
      }
    }
  }

  // True: the caller has asked something else already.
  bool go_on(std::size_t i, const Answer& answer) {
    Caller& caller = *callers_[i];
    if (answer.status != 200) {
      wrong(fmt::format("{} {}: {}", host_of(caller.number), answer.status, answer.body));
      return false;
    }
    if (caller.asked == Asked::allocate) {
      took_.push_back(microseconds_since(caller.begin));
      std::string address(text_in(answer.body, "address"));
      if (!addresses_.insert(address).second) {
        wrong(fmt::format("{} was given {}, which somebody holds", host_of(caller.number), address));
      }
      held_[i].push_back({caller.number, std::move(address)});
      if (options_.repeat_every != 0 && caller.number % options_.repeat_every == 0) {
        caller.first_answer = answer.body;
        ask(caller, Asked::again, "/v1/ports:allocate", allocation_body(caller.number));
        return true;
      }
    } else if (caller.asked == Asked::again) {
      ++repeated_;
      if (answer.body != caller.first_answer) {
        wrong(
            fmt::format("{} asked again: {}, at first: {}", host_of(caller.number), answer.body, caller.first_answer));
      }
    }
    return options_.pairs && caller.asked != Asked::release && next_release(i);
  }

  bool next_allocation(std::size_t i) {
    if (next_ == options_.count) {
      return false;
    }
    Caller& caller = *callers_[i];
    caller.number = next_++;
    const std::string body = allocation_body(caller.number);
    caller.begin = Clock::now();
    ask(caller, Asked::allocate, "/v1/ports:allocate", body);
    return true;
  }

  bool next_release(std::size_t i) {
    if (held_[i].empty()) {
      return false;
    }
    const Held held = std::move(held_[i].back());
    held_[i].pop_back();
    addresses_.erase(held.address);  // from the moment that it is asked for, somebody else may have it
    callers_[i]->number = held.number;
    ask(*callers_[i], Asked::release, "/v1/ports:release",
        fmt::format(R"({{"node":"{}","attachment":{{"container_id":"{}","ifname":"eth0"}},"reason":"cni-del"}})",
                    node_of(held.number), container_of(held.number)));
    return true;
  }

  void ask(Caller& caller, Asked what, std::string_view target, const std::string& body) {
    caller.asked = what;
    caller.client.ask("POST", target, body);
  }

  // Names as long as a kubelet's.
  std::string host_of(std::size_t number) const { return fmt::format("{}-{:07}", options_.prefix, number); }
  std::string node_of(std::size_t number) const { return fmt::format("n{}", number % options_.nodes); }
  std::string container_of(std::size_t number) const {
    return fmt::format("{:016x}{:016x}{:032x}", std::hash<std::string>{}(options_.prefix), number * 0x9e3779b97f4a7c15U,
                       number);
  }
  std::string allocation_body(std::size_t number) const {
    return fmt::format(
        R"({{"node":"{}","attachment":{{"container_id":"{}","ifname":"eth0"}},"pod_uid":"{:08x}-0000-4000-8000-{:012x}",)"
        R"("namespace":"bench","hostname":"{}"{}}})",
        node_of(number), container_of(number), std::hash<std::string>{}(options_.prefix) & 0xffffffffU, number,
        host_of(number), options_.pool.empty() ? "" : fmt::format(R"(,"wishes":{{"pool":"{}"}})", options_.pool));
  }

  void wrong(std::string what) {
    if (wrong_.size() < wrong_at_most) {
      wrong_.push_back(std::move(what));
    }
  }

  LoadOptions options_;
  Epoll epoll_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::vector<std::vector<Held>> held_;
  std::unordered_set<std::string> addresses_;
  std::vector<double> took_;
  std::vector<std::string> wrong_;
  std::size_t next_ = 0, repeated_ = 0;
};

}  // namespace

Json run_load(const LoadOptions& options) {
  return Load(options).run();
}

Json percentiles(std::vector<double>& microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](std::size_t percent) {
    const std::size_t last = microseconds.size() - 1;
    return microseconds.empty() ? 0.0 : microseconds[std::min(last, microseconds.size() * percent / 100)];
  };
  return {{"p50_us", at(50)}, {"p99_us", at(99)}, {"max_us", at(100)}};
}

}  // namespace mooring::bench
