#include "mooring/metrics/switch_watch.hpp"

#include <utility>

namespace mooring::metrics {
namespace {

constexpr std::chrono::milliseconds dump_deadline{2000};
constexpr std::chrono::seconds fresh_enough{1};

}  // namespace

SwitchWatch::SwitchWatch(const ovs::FlowSync::Dial& dial, FlowTally::Meaning meaning, Look look)
    : tally_(std::move(meaning)), look_(std::move(look)) {
  ovs::FlowChannel::Callbacks callbacks;
  callbacks.connected = [this] { connected_ = true; };
  callbacks.disconnected = [this](const Error&) { connected_ = false; };
  channel_ = dial(std::move(callbacks));
}

void SwitchWatch::refresh(std::function<void()> done) {
  const auto now = std::chrono::steady_clock::now();
  if (!connected_ || (last_ != std::chrono::steady_clock::time_point{} && now - last_ < fresh_enough)) {
    done();
    return;
  }
  waiting_.push_back(std::move(done));
  if (std::exchange(asked_, true)) {
    return;
  }
  channel_->dump(dump_deadline, [this](const Result<std::vector<ovs::FlowEntry>>& dump) {
    asked_ = false;
    if (dump) {
      tally_.take(*dump);
      if (look_) {
        look_(*dump);
      }
      last_ = std::chrono::steady_clock::now();
    }
    answer();
  });
}

void SwitchWatch::answer() {
  for (const auto& done : std::exchange(waiting_, {})) {
    done();
  }
}

}  // namespace mooring::metrics
