#include "mooring/metrics/timed_channel.hpp"

#include <utility>

namespace mooring::metrics {
namespace {

using Clock = std::chrono::steady_clock;
using Took = std::function<void(std::chrono::nanoseconds)>;

class TimedChannel final : public ovs::FlowChannel {
 public:
  TimedChannel(std::unique_ptr<ovs::FlowChannel> channel, Took took)
      : channel_(std::move(channel)), took_(std::move(took)) {}

  void apply(std::vector<ovs::MeterChange> meters, std::vector<ovs::FlowChange> flows,
             std::chrono::milliseconds deadline, Applied done) override {
    const bool is_bundle = !flows.empty();
    channel_->apply(std::move(meters), std::move(flows), deadline,
                    [is_bundle, began = Clock::now(), took = took_, done = std::move(done)](ovs::ApplyOutcome outcome) {
                      if (is_bundle && outcome.result) {
                        took(Clock::now() - began);
                      }
                      done(std::move(outcome));
                    });
  }
  void dump(std::chrono::milliseconds deadline, Dumped done) override { channel_->dump(deadline, std::move(done)); }
  void dump_meters(std::chrono::milliseconds deadline, MetersDumped done) override {
    channel_->dump_meters(deadline, std::move(done));
  }
  void apply_groups(std::vector<ovs::GroupChange> groups, std::chrono::milliseconds deadline,
                    GroupsApplied done) override {
    channel_->apply_groups(std::move(groups), deadline, std::move(done));
  }
  void dump_groups(std::chrono::milliseconds deadline, GroupsDumped done) override {
    channel_->dump_groups(deadline, std::move(done));
  }
  void after(std::chrono::milliseconds delay, std::function<void()> f) override {
    channel_->after(delay, std::move(f));
  }

 private:
  std::unique_ptr<ovs::FlowChannel> channel_;
  Took took_;
};

}  // namespace

ovs::FlowSync::Dial timed(ovs::FlowSync::Dial dial, Took took) {
  return [dial = std::move(dial), took = std::move(took)](ovs::FlowChannel::Callbacks callbacks) {
    return std::make_unique<TimedChannel>(dial(std::move(callbacks)), took);
  };
}

}  // namespace mooring::metrics
