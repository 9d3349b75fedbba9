// A crowd of hostnames whose containers come, are confirmed, move on and go, many requests at a time; and a witness,
// who is told of every question and answer and can say afterwards whether a state is one that they lead to: all that
// was answered is there, what was only asked is there or not, and nothing is there twice.
//
// Threading: the test's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fakes/controller_engine.hpp"

namespace mooring::controller::fakes {

// One line of the witness's book. A plain value of one size, so that it goes through a pipe whole or not at all.
struct CrowdEvent {
  enum class What : std::uint32_t { asked, answered };
  enum class Call : std::uint32_t { allocate, confirm, release };
  What what = What::asked;
  Call call = Call::allocate;
  std::uint32_t host = 0;
  std::uint32_t container = 0;
  std::uint32_t address = 0;  // of an allocation that was answered
  std::uint64_t generation = 0;
};

inline constexpr std::uint32_t crowd_hosts = 400;

inline std::string crowd_hostname(std::uint32_t host) {
  return fmt::format("host-{}", host);
}
inline std::string crowd_container(std::uint32_t container) {
  return fmt::format("c{}", container);
}
// Every other hostname keeps its address.
inline Kind crowd_kind(std::uint32_t host) {
  return host % 2 == 0 ? Kind::stateful : Kind::stateless;
}

// What is known about one hostname.
struct CrowdHost {
  std::uint32_t container = 0;  // 0: none is live
  std::uint64_t generation = 0;
  std::uint32_t address = 0;  // of the live one, or what it is bound to
  bool active = false;
  auto operator<=>(const CrowdHost&) const = default;
};

class CrowdWitness {
 public:
  void note(const CrowdEvent& event) {
    if (event.what == CrowdEvent::What::asked) {
      open_[event.host] = event;
      return;
    }
    ++answered_;
    open_.erase(event.host);
    CrowdHost& host = hosts_[event.host];
    if (event.call == CrowdEvent::Call::allocate) {
      REQUIRE(event.generation > newest_);
      newest_ = event.generation;
      const bool bound = crowd_kind(event.host) == Kind::stateful || host.container != 0;
      REQUIRE((!bound || host.address == 0 || host.address == event.address));
      host = {event.container, event.generation, event.address, false};
    } else {
      host = after(host, event);
    }
  }

  // Holds the state against the book. What was only asked is settled with it.
  void check(Engine& engine) {
    REQUIRE(engine.ipam.committed_revision() >= newest_);
    newest_ = engine.ipam.committed_revision();
    const auto found = engine.read([](const State& state) { return hosts_in(state); });
    for (const auto& [host, there] : found) {
      CAPTURE(host);
      const auto known = hosts_.find(host);
      const CrowdHost before = known == hosts_.end() ? CrowdHost() : known->second;
      const auto open = open_.find(host);
      const bool as_answered = there == before;
      const bool as_asked = open != open_.end() && fits(there, before, open->second);
      CAPTURE(before.container, before.generation, before.address, before.active);
      CAPTURE(there.container, there.generation, there.address, there.active);
      REQUIRE((as_answered || as_asked));
    }
    for (const auto& [host, known] : hosts_) {
      const bool released = open_.count(host) != 0 && open_[host].call == CrowdEvent::Call::release;
      CAPTURE(host, known.generation, released);
      REQUIRE((found.count(host) != 0 || known == CrowdHost() || (released && crowd_kind(host) == Kind::stateless)));
    }
    hosts_ = found;
    open_.clear();
  }

  const std::map<std::uint32_t, CrowdHost>& hosts() const { return hosts_; }
  std::size_t answered() const { return answered_; }

 private:
  static CrowdHost after(CrowdHost host, const CrowdEvent& event) {
    if (event.call == CrowdEvent::Call::confirm) {
      host.active = true;
      return host;
    }
    const std::uint32_t address = crowd_kind(event.host) == Kind::stateful ? host.address : 0;
    return {0, 0, address, false};
  }

  static bool fits(const CrowdHost& there, const CrowdHost& before, const CrowdEvent& asked) {
    if (asked.call != CrowdEvent::Call::allocate) {
      return there == after(before, asked);
    }
    return there.container == asked.container && there.generation > before.generation && !there.active &&
           (before.address == 0 || there.address == before.address);
  }

  // Everything is the crowd's, and nothing is there twice.
  static std::map<std::uint32_t, CrowdHost> hosts_in(const State& state) {
    std::map<std::string, std::uint32_t> numbers;
    for (std::uint32_t host = 0; host < crowd_hosts; ++host) {
      numbers[crowd_hostname(host)] = host;
    }
    std::map<std::uint32_t, CrowdHost> found;
    std::set<std::uint32_t> addresses;
    std::set<Generation> generations;
    std::vector<Port> ports;
    state.ports().each([&](const PackedPort& packed) { ports.push_back(state.ports().unpack(packed)); });
    for (const Port& port : ports) {
      REQUIRE(generations.insert(port.generation).second);
      REQUIRE(addresses.insert(port.addresses.primary().v4().bits()).second);
      const auto number = numbers.find(port.owner.hostname);
      REQUIRE(number != numbers.end());
      const auto container = static_cast<std::uint32_t>(std::stoul(port.attachment.container_id.substr(1)));
      const bool one =
          found
              .emplace(number->second, CrowdHost{container, port.generation, port.addresses.primary().v4().bits(),
                                                 port.state == PortState::active})
              .second;
      REQUIRE(one);
    }
    for (const auto& [key, binding] : state.bindings()) {
      const auto number = numbers.find(binding.owner.hostname);
      REQUIRE(number != numbers.end());
      const auto live = found.find(number->second);
      if (live != found.end()) {
        REQUIRE(live->second.address == binding.addresses.primary().v4().bits());
      } else {
        REQUIRE(addresses.insert(binding.addresses.primary().v4().bits()).second);
        found[number->second].address = binding.addresses.primary().v4().bits();
      }
    }
    return found;
  }

  std::map<std::uint32_t, CrowdHost> hosts_;
  std::map<std::uint32_t, CrowdEvent> open_;  // asked, and not answered
  std::uint64_t newest_ = 0;
  std::size_t answered_ = 0;
};

// The chain of the audit ledger is whole, from its first record to its last.
inline void check_ledger(Engine& engine) {
  AuditVerdict verdict;
  verdict.more = true;
  while (verdict.more) {
    const AuditSeq after = verdict.last_seq;
    const std::function<void(Callback<AuditVerdict>)> ask = [&](Callback<AuditVerdict> done) {
      engine.ipam.ledger().verify(after, 5000, std::move(done));
    };
    verdict = engine.wait<AuditVerdict>(ask).value();
    CAPTURE(verdict.bad_seq, verdict.problem);
    REQUIRE(verdict.bad_seq == 0);
    REQUIRE(verdict.records > 0);
  }
}

// Keeps `lanes` requests in flight, each about hostnames of its own, until it is told to stop, or something fails.
class Crowd {
 public:
  using Tell = std::function<void(const CrowdEvent& event)>;

  Crowd(Ipam& ipam, const CrowdWitness& known, unsigned seed, Tell tell)
      : ipam_(ipam), random_(seed), tell_(std::move(tell)), hosts_(known.hosts()), container_(1 + seed * 10000) {}

  void start(std::uint32_t lanes) {
    lanes_ = running_ = lanes;
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      next(lane);
    }
  }
  void stop() { stopping_ = true; }
  // What fails is asked again as long as this holds, as a kubelet would.
  void repeat_while(std::function<bool()> sensible) { repeat_ = std::move(sensible); }
  bool idle() const { return running_ == 0; }
  // What was not answered, or answered late. The last ones are why it stopped by itself.
  const std::vector<Error>& failures() const { return failures_; }

  // Node h1, network default, subnet and pool web (10.0.0.0/16).
  static void make_world(Engine& engine) {
    engine.node("h1", "172.31.0.1").value();
    engine.network(default_network).value();
    engine.subnet("web", "10.0.0.0/16", 100).value();
    engine.pool("web", "web").value();
  }

 private:
  using Call = CrowdEvent::Call;

  void next(std::uint32_t lane) {
    if (stopping_) {
      --running_;
      return;
    }
    const std::uint32_t per_lane = crowd_hosts / lanes_;
    const std::uint32_t host = lane * per_lane + static_cast<std::uint32_t>(random_() % per_lane);
    const CrowdHost& known = hosts_[host];
    const auto chance = random_() % 8;
    if (known.container == 0 || chance == 0) {  // the first one, or one that takes over
      ask(lane, {CrowdEvent::What::asked, Call::allocate, host, ++container_, 0, 0});
    } else if (!known.active && chance < 5) {
      ask(lane, {CrowdEvent::What::asked, Call::confirm, host, known.container, 0, known.generation});
    } else {
      ask(lane, {CrowdEvent::What::asked, Call::release, host, known.container, 0, 0});
    }
  }

  void ask(std::uint32_t lane, const CrowdEvent& event) {
    tell_(event);
    const std::string container = crowd_container(event.container);
    if (event.call == Call::allocate) {
      Ask request("h1", container, crowd_hostname(event.host));
      request.uid(fmt::format("U{}", event.container)).kind(crowd_kind(event.host));
      ipam_.allocate(tester(), request, [this, lane, event](Result<ipam_api::Allocation> answer) {
        if (went_well(answer, lane, event)) {
          CrowdHost& host = hosts_[event.host];
          host = {event.container, answer->generation, answer->address.address.bits(), false};
          answered(lane, event, host);
        }
      });
    } else if (event.call == Call::confirm) {
      ipam_.confirm(tester(), {"h1", attachment(container), event.generation},
                    [this, lane, event](Result<void> answer) {
                      if (went_well(answer, lane, event)) {
                        hosts_[event.host].active = true;
                        answered(lane, event, hosts_[event.host]);
                      }
                    });
    } else {
      ipam_api::ReleaseRequest request;
      request.node = "h1";
      request.attachment = attachment(container);
      ipam_.release(tester(), request, [this, lane, event](Result<ipam_api::ReleaseAnswer> answer) {
        if (went_well(answer, lane, event)) {
          REQUIRE(answer->released);
          hosts_[event.host].container = 0;
          answered(lane, event, hosts_[event.host]);
        }
      });
    }
  }

  template <class T>
  bool went_well(const Result<T>& answer, std::uint32_t lane, const CrowdEvent& event) {
    if (answer) {
      return true;
    }
    failures_.push_back(answer.error());
    if (!stopping_ && repeat_ && repeat_()) {
      ask(lane, event);
    } else {
      --running_;
    }
    return false;
  }

  void answered(std::uint32_t lane, CrowdEvent event, const CrowdHost& host) {
    event.what = CrowdEvent::What::answered;
    event.address = host.address;
    event.generation = host.generation;
    tell_(event);
    next(lane);
  }

  Ipam& ipam_;
  std::mt19937 random_;
  Tell tell_;
  std::map<std::uint32_t, CrowdHost> hosts_;
  std::uint32_t container_;
  std::uint32_t lanes_ = 0;
  std::uint32_t running_ = 0;
  bool stopping_ = false;
  std::function<bool()> repeat_;
  std::vector<Error> failures_;
};

}  // namespace mooring::controller::fakes
