#include "mooring/ovs/packet_channel.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "mooring/ovs/flow_text.hpp"
#include "mooring/ovs/shim/packet_io.h"
#include "mooring/ovs/worker.hpp"

namespace mooring::ovs {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds shortest_redial{20};
constexpr milliseconds longest_redial{200};
constexpr milliseconds hello_deadline{5000};
// A switch that says nothing is asked for a barrier; one that hangs is noticed within twice this time.
constexpr milliseconds probe_interval{5000};

struct ConnectionClose {
  void operator()(mo_of* of) const { mo_of_close(of); }
};

struct UsesRequest {
  std::uint8_t table = 0;
  std::uint64_t cookie = 0, mask = 0;
  Clock::time_point deadline;
  PacketChannel::Uses done;
  std::uint32_t xid = 0;
  std::vector<FlowUse> found;
};

PacketIn packet_from(const mo_packet_in& raw) {
  PacketIn packet;
  packet.table = raw.table;
  packet.in_port = raw.in_port;
  packet.pkt_mark = raw.pkt_mark;
  packet.whole_size = raw.total_size;
  packet.data.assign(raw.data, raw.data + raw.size);
  packet.userdata.assign(raw.userdata, raw.userdata + raw.userdata_size);
  return packet;
}

}  // namespace

class OpenFlowPackets::Connection {
 public:
  Connection(std::string target, Post post, Packets packets)
      : target_(std::move(target)), deliver_(std::move(post)), packets_(std::move(packets)) {
    thread_ = std::thread([this] { run(); });
  }

  ~Connection() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify();
    thread_.join();
  }

  void send(PacketOut packet) {
    {
      const std::lock_guard lock(mutex_);
      to_send_.push_back(std::move(packet));
    }
    wake_.notify();
  }

  void ask(UsesRequest request) {
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(std::move(request));
    }
    wake_.notify();
  }

  Counters counters() const { return {received_.load(), dropped_.load(), sent_.load(), not_sent_.load()}; }
  bool connected() const { return ready_.load(); }

 private:
  void run() {
    while (take_work()) {
      expire();
      if (!of_ && Clock::now() >= next_dial_) {
        dial();
      }
      if (of_) {
        converse();
      }
      give_up_what_cannot_go();
      wait();
    }
    of_.reset();
  }

  bool take_work() {
    const std::lock_guard lock(mutex_);
    wake_.drain();
    std::move(to_send_.begin(), to_send_.end(), std::back_inserter(sending_));
    to_send_.clear();
    std::move(asked_.begin(), asked_.end(), std::back_inserter(waiting_));
    asked_.clear();
    return !stop_;
  }

  void expire() {
    const auto now = Clock::now();
    if (!waiting_.empty() && waiting_.front().deadline <= now) {
      drop(late());
    } else if (of_ && !ready_ && now - dialled_ > hello_deadline) {
      drop(late());
    } else if (ready_ && probe_xid_ != 0 && now - heard_ > 2 * probe_interval) {
      drop(late());
    }
  }

  Error late() const {
    return Error(Errc::timeout, fmt::format("talking OpenFlow to {}: the switch did not answer in time", target_),
                 "ovs-vswitchd may hang or be overloaded: see its log and ovs-appctl -t ovs-vswitchd coverage/show");
  }

  void dial() {
    int error = 0;
    of_.reset(mo_of_open(target_.c_str(), &error));
    dialled_ = Clock::now();
    if (!of_) {
      redial_later();
    }
  }

  void redial_later() {
    next_dial_ = Clock::now() + redial_;
    redial_ = std::min(redial_ * 2, longest_redial);
  }

  void drop(const Error& why) {
    of_.reset();
    ready_ = false;
    probe_xid_ = 0;
    while (!waiting_.empty()) {
      answer(why);
    }
    redial_later();
  }

  // The front request is over.
  void answer(Result<std::vector<FlowUse>> result) {
    auto answered = std::make_shared<Result<std::vector<FlowUse>>>(std::move(result));
    deliver_([done = std::move(waiting_.front().done), answered] { done(std::move(*answered)); });
    waiting_.pop_front();
  }

  void give_up_what_cannot_go() {
    if (ready_) {
      return;
    }
    not_sent_ += sending_.size();
    sending_.clear();
    while (!waiting_.empty()) {
      answer(Error(Errc::unavailable, fmt::format("talking OpenFlow to {}: not connected", target_),
                   "ovs-vswitchd is not running, or the bridge is not there yet"));
    }
  }

  void converse() {
    int error = mo_of_run(of_.get());
    if (!error && !ready_ && mo_of_connected(of_.get())) {
      ready_ = true;
      heard_ = Clock::now();
      redial_ = shortest_redial;
      mo_of_want_packets(of_.get());
    }
    receive();
    if (ready_) {
      send_all();
      if (!waiting_.empty() && waiting_.front().xid == 0) {
        UsesRequest& next = waiting_.front();
        next.xid = mo_of_dump_table(of_.get(), next.table, next.cookie, next.mask);
      } else if (waiting_.empty() && probe_xid_ == 0 && Clock::now() - heard_ > probe_interval) {
        probe_xid_ = mo_of_barrier(of_.get());
      }
    }
    error = mo_of_run(of_.get());
    if (error) {
      drop(Error(Errc::unavailable, fmt::format("talking OpenFlow to {}: {}", target_, std::strerror(error))));
    }
  }

  void receive() {
    std::vector<PacketIn> batch;
    for (;;) {
      mo_message message;
      mo_of_receive(of_.get(), &message);
      if (message.kind == MO_NOTHING) {
        break;
      }
      heard_ = Clock::now();
      probe_xid_ = 0;
      if (message.kind == MO_PACKET_IN) {
        if (undelivered_.load() + batch.size() < most_waiting) {
          batch.push_back(packet_from(*message.packet));
        } else {
          ++dropped_;
        }
      } else if (!waiting_.empty() && message.xid == waiting_.front().xid) {
        on_answer(message);
      }
      mo_message_clear(&message);
    }
    hand_over(std::move(batch));
  }

  void hand_over(std::vector<PacketIn> batch) {
    if (batch.empty()) {
      return;
    }
    received_ += batch.size();
    undelivered_ += batch.size();
    auto packets = std::make_shared<std::vector<PacketIn>>(std::move(batch));
    deliver_([this, packets] {
      undelivered_ -= packets->size();
      packets_(std::move(*packets));
    });
  }

  void on_answer(const mo_message& message) {
    UsesRequest& request = waiting_.front();
    const char* problem = message.kind == MO_ERROR || message.kind == MO_FLOWS ? message.error : nullptr;
    if (problem != nullptr) {
      answer(Error(Errc::internal, fmt::format("reading the flows of {}: {}", target_, problem)));
      return;
    }
    if (message.kind != MO_FLOWS) {
      return;
    }
    for (std::size_t i = 0; i < message.n_flows; ++i) {
      request.found.push_back({flow_from(message.flows[i]).key, message.flows[i].packets});
    }
    if (!message.more) {
      answer(std::move(request.found));
    }
  }

  void send_all() {
    for (const PacketOut& packet : sending_) {
      if (const ShimText error{mo_of_packet_out(of_.get(), packet.in_port, packet.actions.c_str(), packet.data.data(),
                                                packet.data.size())}) {
        ++not_sent_;
      } else {
        ++sent_;
      }
    }
    sending_.clear();
  }

  void wait() {
    const auto now = Clock::now();
    auto until = now + probe_interval;
    if (!of_) {
      until = std::min(until, next_dial_);
    } else if (!ready_) {
      until = std::min(until, dialled_ + hello_deadline);
    }
    if (!waiting_.empty()) {
      until = waiting_.front().xid == 0 ? now : std::min(until, waiting_.front().deadline);
    }
    if (of_) {
      mo_of_wait(of_.get());
    }
    mo_wake_on_fd(wake_.descriptor());
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    mo_wake_in(std::max<long long>(left, 0));
    mo_block();
  }

  const std::string target_;
  Delivery deliver_;
  const Packets packets_;
  WakeUp wake_;

  std::mutex mutex_;
  std::vector<PacketOut> to_send_;
  std::vector<UsesRequest> asked_;
  bool stop_ = false;

  std::atomic<std::uint64_t> received_{0}, dropped_{0}, sent_{0}, not_sent_{0};
  std::atomic<std::size_t> undelivered_{0};
  std::atomic<bool> ready_{false};  // hello exchanged

  // The thread's own.
  std::unique_ptr<mo_of, ConnectionClose> of_;
  std::vector<PacketOut> sending_;
  std::deque<UsesRequest> waiting_;  // the first one may be out
  Clock::time_point next_dial_{}, dialled_{}, heard_{};
  milliseconds redial_ = shortest_redial;
  std::uint32_t probe_xid_ = 0;

  std::thread thread_;
};

OpenFlowPackets::OpenFlowPackets(std::string target, Post post, Packets packets)
    : connection_(std::make_unique<Connection>(std::move(target), std::move(post), std::move(packets))) {}

OpenFlowPackets::~OpenFlowPackets() = default;

void OpenFlowPackets::send(PacketOut packet) {
  connection_->send(std::move(packet));
}

void OpenFlowPackets::uses(std::uint8_t table, std::uint64_t cookie, std::uint64_t mask,
                           std::chrono::milliseconds deadline, Uses done) {
  UsesRequest request;
  request.table = table;
  request.cookie = cookie;
  request.mask = mask;
  request.deadline = Clock::now() + deadline;
  request.done = std::move(done);
  connection_->ask(std::move(request));
}

PacketChannel::Counters OpenFlowPackets::counters() const {
  return connection_->counters();
}

bool OpenFlowPackets::connected() const {
  return connection_->connected();
}

}  // namespace mooring::ovs
