// A switch in memory behind the FlowChannel interface: bundles are carried out at once, refusals and hangs are made by
// the test, time is the test's. tests/contract/ovs_flow_channel.cpp holds it to the behaviour of the real one.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "mooring/ovs/flow_sync.hpp"

namespace mooring::tests {

// Outlives its channels; tests drive it: run() delivers what is due.
class FakeSwitch {
 public:
  using Flow = ovs::Flow;
  static constexpr int read_only_table = 254;  // Open vSwitch's own

  ovs::DesiredFlows flows;                         // what it holds
  ovs::Meters meters;                              // the same
  ovs::Groups groups;                              // the same
  std::function<bool(const Flow&)> refuses;        // additions for which it does not commit a bundle
  bool answers = true;                             // false: it hangs
  std::vector<std::vector<ovs::FlowChange>> seen;  // bundles, also refused ones
  std::vector<ovs::MeterChange> meters_seen;
  std::vector<ovs::GroupChange> groups_seen;
  int dumps = 0;

  ovs::FlowSync::Dial dial() {
    return [this](ovs::FlowChannel::Callbacks callbacks) {
      callbacks_ = std::move(callbacks);
      return std::make_unique<Channel>(*this);
    };
  }

  void connect() {
    up_ = true;
    later([this] { callbacks_.connected(); });
  }
  void disconnect() {
    up_ = false;
    for (Pending& pending : std::exchange(pending_, {})) {
      later([fail = std::move(pending.fail)] { fail(away()); });
    }
    later([this] { callbacks_.disconnected(away()); });
  }

  // Everything that is ready now, and what follows from it.
  void run() {
    for (int rounds = 0; rounds < 10000 && step(); ++rounds) {
    }
  }
  void pass(std::chrono::milliseconds time) {
    now_ += time;
    run();
  }

 private:
  struct Pending {
    std::chrono::milliseconds deadline;
    std::function<void()> carry_out;
    std::function<void(const Error&)> fail;
  };

  class Channel final : public ovs::FlowChannel {
   public:
    explicit Channel(FakeSwitch& owner) : owner_(owner) {}
    ~Channel() override {
      owner_.pending_.clear();
      owner_.timers_.clear();
    }
    void apply(std::vector<ovs::MeterChange> meters, std::vector<ovs::FlowChange> flows,
               std::chrono::milliseconds deadline, Applied done) override {
      owner_.request({owner_.now_ + deadline,
                      [this, meters = std::move(meters), flows = std::move(flows), done] {
                        ovs::ApplyOutcome outcome;
                        owner_.carry_out(meters, outcome);
                        owner_.carry_out(flows, outcome);
                        done(outcome);
                      },
                      [done](const Error& why) {
                        ovs::ApplyOutcome outcome;
                        outcome.result = why;
                        done(outcome);
                      }});
    }
    void dump(std::chrono::milliseconds deadline, Dumped done) override {
      owner_.request(
          {owner_.now_ + deadline, [this, done] { done(owner_.all()); }, [done](const Error& why) { done(why); }});
    }
    void dump_meters(std::chrono::milliseconds deadline, MetersDumped done) override {
      owner_.request({owner_.now_ + deadline, [this, done] { done(owner_.all_meters()); },
                      [done](const Error& why) { done(why); }});
    }
    void apply_groups(std::vector<ovs::GroupChange> groups, std::chrono::milliseconds deadline,
                      GroupsApplied done) override {
      owner_.request({owner_.now_ + deadline,
                      [this, groups = std::move(groups), done] { done(owner_.carry_out(groups)); },
                      [done](const Error& why) {
                        done(ovs::GroupOutcome{why, {}});
                      }});
    }
    void dump_groups(std::chrono::milliseconds deadline, GroupsDumped done) override {
      owner_.request({owner_.now_ + deadline, [this, done] { done(owner_.all_groups()); },
                      [done](const Error& why) { done(why); }});
    }
    void after(std::chrono::milliseconds delay, std::function<void()> f) override {
      owner_.timers_.emplace(owner_.now_ + delay, std::move(f));
    }

   private:
    FakeSwitch& owner_;
  };

  static Error away() { return Error(Errc::unavailable, "talking to the fake switch: not connected"); }

  void later(std::function<void()> f) { timers_.emplace(now_, std::move(f)); }

  void request(Pending pending) {
    if (!up_) {
      later([fail = std::move(pending.fail)] { fail(away()); });
    } else {
      pending_.push_back(std::move(pending));
    }
  }

  bool step() {
    if (!timers_.empty() && timers_.begin()->first <= now_) {
      const auto f = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      f();
      return true;
    }
    if (pending_.empty()) {
      return false;
    }
    if (answers) {
      const Pending pending = std::move(pending_.front());
      pending_.erase(pending_.begin());
      pending.carry_out();
      return true;
    }
    if (pending_.front().deadline <= now_) {  // a missed deadline costs the connection
      const Pending pending = std::move(pending_.front());
      pending_.erase(pending_.begin());
      pending.fail(Error(Errc::timeout, "talking to the fake switch: no answer in time"));
      disconnect();
      return true;
    }
    return false;
  }

  void carry_out(const std::vector<ovs::FlowChange>& changes, ovs::ApplyOutcome& outcome) {
    if (!changes.empty()) {
      seen.push_back(changes);
    }
    const auto refuse = [&](std::size_t index) {
      if (outcome.refused.empty()) {
        outcome.result =
            Error(Errc::internal, "programming the fake switch: it refused \"" + changes[index].flow.str() + "\"");
      }
      outcome.refused.push_back(index);
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (changes[i].flow.key.table == read_only_table) {  // found out at once: the others go on
        refuse(i);
      }
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const Flow& flow = changes[i].flow;
      const std::uint32_t meter = ovs::meter_of(flow.actions);
      if (changes[i].kind == ovs::FlowChange::Kind::add &&
          ((refuses && refuses(flow)) || (meter != 0 && !meters.contains(meter)) || leads_nowhere(flow))) {
        refuse(i);
        return;
      }
    }
    outcome.flows_taken = true;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (std::find(outcome.refused.begin(), outcome.refused.end(), i) != outcome.refused.end()) {
        continue;
      }
      if (changes[i].kind == ovs::FlowChange::Kind::add) {
        flows.put(changes[i].flow);
      } else {
        flows.erase(changes[i].flow.key);
      }
    }
  }

  void carry_out(const std::vector<ovs::MeterChange>& changes, ovs::ApplyOutcome& outcome) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto& [kind, meter] = changes[i];
      meters_seen.push_back(changes[i]);
      if (kind == ovs::MeterChange::Kind::remove) {
        meters.erase(meter.id);
        std::vector<ovs::FlowKey> gone;
        for (const auto& [key, flow] : flows) {
          if (ovs::meter_of(flow.actions) == meter.id) {
            gone.push_back(key);
          }
        }
        for (const auto& key : gone) {
          flows.erase(key);
        }
      } else if (meter.rate == 0 || meters.contains(meter.id) != (kind == ovs::MeterChange::Kind::modify)) {
        outcome.refused_meters.push_back(i);
        outcome.meters = Error(Errc::internal, "programming the fake switch: it refused \"" + meter.str() + "\"");
      } else {
        meters.insert_or_assign(meter.id, meter);
      }
    }
  }

  ovs::GroupOutcome carry_out(const std::vector<ovs::GroupChange>& changes) {
    for (const auto& [kind, group] : changes) {
      groups_seen.push_back({kind, group});
      if (kind == ovs::GroupChange::Kind::put) {
        groups.insert_or_assign(group.id, group);
        continue;
      }
      groups.erase(group.id);
      std::vector<ovs::FlowKey> gone;
      for (const auto& [key, flow] : flows) {
        if (leads_to(flow, group.id)) {
          gone.push_back(key);
        }
      }
      for (const auto& key : gone) {
        flows.erase(key);
      }
    }
    return {};
  }

  static bool leads_to(const Flow& flow, std::uint32_t group) {
    const auto ids = ovs::groups_of(flow.actions);
    return std::find(ids.begin(), ids.end(), group) != ids.end();
  }

  bool leads_nowhere(const Flow& flow) const {
    const auto ids = ovs::groups_of(flow.actions);
    return std::any_of(ids.begin(), ids.end(), [this](std::uint32_t id) { return !groups.contains(id); });
  }

  std::vector<ovs::Group> all_groups() const {
    std::vector<ovs::Group> all;
    for (const auto& [id, group] : groups) {
      all.push_back(group);
    }
    return all;
  }

  std::vector<ovs::Meter> all_meters() const {
    std::vector<ovs::Meter> all;
    for (const auto& [id, meter] : meters) {
      all.push_back(meter);
    }
    return all;
  }

  std::vector<ovs::FlowEntry> all() {
    ++dumps;
    std::vector<ovs::FlowEntry> entries;
    for (const auto& [key, flow] : flows) {
      entries.push_back({flow, 0, 0, 0});
    }
    return entries;
  }

  bool up_ = false;
  std::chrono::milliseconds now_{0};
  std::multimap<std::chrono::milliseconds, std::function<void()>> timers_;
  std::vector<Pending> pending_;
  ovs::FlowChannel::Callbacks callbacks_;
};

}  // namespace mooring::tests
