// Agents of the scale simulator: what a mooring-agent does with the controller's stream, by the agent's own code, with
// switches in memory. Three sorts, since the machine has neither the memory of 2,000 (a replica of 100,000 ports is 10
// MB) nor their processors (a change costs an agent 6 to 12 us, and there are 400,000 a second):
//
//   WholeAgent  everything is real: WatchClient (registration, HTTP, reading, parsing), the whole directory, the flows
//               of every peer, destinations in use, FlowProgram and FlowSync
//   ThinAgent   real: the connection, WatchSession, Directory (digest, order, resuming), destinations in use,
//               FlowProgram and FlowSync. Not real: ports that never change in the run are one entry in its directory
//               that carries their digest; it has no flows of peers; a line that another agent has parsed, byte for
//               byte, is not parsed again (Lines)
//   Listener    real: the connection, registration, resuming by revision, the agent's back-off. Each line is taken
//               whole and its revision looked at; it is not applied
//
// Threading: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "bench/load_socket.hpp"
#include "fakes/fake_switch.hpp"
#include "mooring/directory/watch_client.hpp"
#include "mooring/directory/watch_session.hpp"
#include "ovs-agent/app/flow_program.hpp"

namespace mooring::bench {

using directory::PortKey;
using ipam_api::Revision;

struct Arrival {
  Revision revision = 0;
  Clock::time_point at;
};

// As ipam_store makes it.
struct SimulatedNode {
  explicit SimulatedNode(std::size_t number);
  std::string name;
  net::Ipv4Address vtep;
  ipam_api::Registration registration;
};

// From a change of the directory to the switch.
class AgentLogic {
 public:
  AgentLogic(boost::asio::io_context& io, const SimulatedNode& node);

  directory::Directory directory;
  // What was applied since clear_arrivals().
  const std::vector<Arrival>& arrivals() const { return arrivals_; }
  void clear_arrivals() { arrivals_.clear(); }
  std::uint64_t flow_changes() const { return flow_changes_; }

  // Everything that an agent has at its start: flows of peers, too.
  void program_all();
  // A container has sent to these.
  void use(const std::vector<PortKey>& destinations);
  void changed(const directory::Changes& changes);
  // What differs from what the directory says: a destination in use whose flow is missing or leads elsewhere. "" if
  // nothing does.
  std::string amiss() const;

 private:
  void drive();

  net::Ipv4Address vtep_;
  agent::LocalPorts ports_;
  agent::WorkingSet in_use_;
  tests::FakeSwitch int_switch_, tun_switch_;
  ovs::FlowSync br_int_, br_tun_;
  agent::FlowProgram flows_;
  std::vector<Arrival> arrivals_;
  std::uint64_t flow_changes_ = 0;
};

class WholeAgent {
 public:
  WholeAgent(boost::asio::io_context& io, const std::string& socket, const SimulatedNode& node);
  AgentLogic logic;
  directory::WatchStatus status() const { return client_.status(); }

 private:
  directory::WatchClient client_;
};

// Lines that were parsed already.
class Lines {
 public:
  // Null: it is no frame.
  std::shared_ptr<const ipam_api::Frame> parsed(std::string_view line);

 private:
  std::unordered_map<std::string, std::shared_ptr<const ipam_api::Frame>> known_;
};

// A connection of its own to the controller: registers, opens the stream, reads lines.
class StreamAgent {
 public:
  StreamAgent(std::string socket, const SimulatedNode& node);
  virtual ~StreamAgent() = default;
  StreamAgent(const StreamAgent&) = delete;
  StreamAgent& operator=(const StreamAgent&) = delete;

  // What is due: connecting, silence. True: watch_fd() is a new descriptor.
  bool tick(Clock::time_point now);
  // watch_fd() can be read. True: watch_fd() is a new descriptor.
  bool readable(Clock::time_point now);
  int watch_fd() const;  // below 0: none
  std::uint64_t bytes() const { return bytes_; }

  virtual bool live() const = 0;
  virtual const directory::SessionCounters& counters() const = 0;
  virtual Revision revision() const = 0;
  // What was applied, or taken, since clear_arrivals().
  virtual const std::vector<Arrival>& arrivals() const = 0;
  virtual void clear_arrivals() = 0;

 protected:
  virtual std::optional<Clock::time_point> due() const = 0;
  virtual directory::Actions on_tick(Clock::time_point now) = 0;
  virtual void on_opened(Clock::time_point now) = 0;
  virtual directory::Actions on_line(std::string_view line, Clock::time_point now) = 0;
  virtual directory::Actions on_failed(const char* why, Clock::time_point now) = 0;
  virtual void on_change() = 0;
  double jitter() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  const SimulatedNode& node() const { return node_; }

 private:
  void carry_out(directory::Actions actions);
  void dial(std::string target);
  bool ended();  // drops what was closed; is there a new descriptor?

  std::string socket_;
  const SimulatedNode& node_;
  std::minstd_rand random_;
  std::string target_;
  std::unique_ptr<Client> registering_;
  std::unique_ptr<LineStream> stream_;
  bool closed_ = false;  // perhaps while lines are read
  bool fresh_ = false;   // a new descriptor
  std::uint64_t bytes_ = 0;
};

class ThinAgent final : public StreamAgent {
 public:
  ThinAgent(boost::asio::io_context& io, std::string socket, const SimulatedNode& node, Lines& lines);
  AgentLogic logic;

  bool live() const override { return session_.live(); }
  const directory::SessionCounters& counters() const override { return session_.counters(); }
  Revision revision() const override { return logic.directory.revision(); }
  const std::vector<Arrival>& arrivals() const override { return logic.arrivals(); }
  void clear_arrivals() override { logic.clear_arrivals(); }

 private:
  std::optional<Clock::time_point> due() const override { return session_.next_tick(); }
  directory::Actions on_tick(Clock::time_point now) override { return session_.tick(now); }
  void on_opened(Clock::time_point now) override { session_.opened(now); }
  directory::Actions on_line(std::string_view line, Clock::time_point now) override;
  directory::Actions on_failed(const char* why, Clock::time_point now) override { return session_.failed(why, now); }
  void on_change() override { logic.changed(logic.directory.take_changes()); }

  Lines& lines_;
  directory::WatchSession session_;
};

class Listener final : public StreamAgent {
 public:
  // Has everything up to `revision`, as of a checkpoint.
  Listener(std::string socket, const SimulatedNode& node, std::string incarnation, Revision revision);

  bool live() const override { return state_ == State::live; }
  const directory::SessionCounters& counters() const override { return counters_; }
  Revision revision() const override { return revision_; }
  const std::vector<Arrival>& arrivals() const override { return arrivals_; }
  void clear_arrivals() override { arrivals_.clear(); }

 private:
  enum class State { waiting, dialling, opened, live };
  std::optional<Clock::time_point> due() const override;
  directory::Actions on_tick(Clock::time_point now) override;
  void on_opened(Clock::time_point now) override;
  directory::Actions on_line(std::string_view line, Clock::time_point now) override;
  directory::Actions on_failed(const char* why, Clock::time_point now) override;
  void on_change() override {}

  std::string incarnation_;
  Revision revision_;
  State state_ = State::waiting;
  Clock::time_point due_;
  std::chrono::milliseconds backoff_{0};
  std::vector<Arrival> arrivals_;
  directory::SessionCounters counters_;
};

// The replica without the ports that are not in `kept`, and without nodes that have none of those: one entry stands for
// them, so that the digest is the same.
directory::Image thin_image(const directory::Image& whole, const std::set<PortKey>& kept,
                            const std::set<std::string>& kept_nodes);

}  // namespace mooring::bench
