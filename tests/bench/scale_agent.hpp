// Agents of the scale simulator: what a mooring-agent does with the controller's stream, by the agent's own code, with
// switches in memory. Two sorts, since 2,000 whole replicas of 100,000 ports are 20 GB, which real agents have on 2,000
// machines:
//
//   WholeAgent  everything is real: WatchClient (registration, HTTP, reading, parsing), the whole directory, the flows
//               of every peer, destinations in use, FlowProgram and FlowSync
//   ThinAgent   real: the connection, WatchSession, Directory (digest, order, resuming), destinations in use,
//               FlowProgram and FlowSync. Not real: ports that never change in the run are one entry in its directory
//               that carries their digest; it has no flows of peers; a line that another agent has parsed, byte for
//               byte, is not parsed again (Lines)
//
// Threading: one thread.
#pragma once

#include <cstdint>
#include <memory>
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

class ThinAgent {
 public:
  ThinAgent(boost::asio::io_context& io, std::string socket, const SimulatedNode& node, Lines& lines);
  AgentLogic logic;

  // What is due: connecting, silence. True: watch_fd() is a new descriptor.
  bool tick(Clock::time_point now);
  // watch_fd() can be read. True: watch_fd() is a new descriptor.
  bool readable(Clock::time_point now);
  int watch_fd() const;  // below 0: none
  bool live() const { return session_.live(); }
  const directory::SessionCounters& counters() const { return session_.counters(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  void carry_out(directory::Actions actions);
  void dial(std::string target);
  bool ended();  // drops what the session has closed; is there a new descriptor?

  std::string socket_;
  const SimulatedNode& node_;
  Lines& lines_;
  std::minstd_rand random_;
  directory::WatchSession session_;
  std::string target_;
  std::unique_ptr<Client> registering_;
  std::unique_ptr<LineStream> stream_;
  bool closed_ = false;  // by the session, perhaps while lines are read
  bool fresh_ = false;   // a new descriptor
  std::uint64_t bytes_ = 0;
};

// The replica without the ports that are not in `kept`, and without nodes that have none of those: one entry stands for
// them, so that the digest is the same.
directory::Image thin_image(const directory::Image& whole, const std::set<PortKey>& kept,
                            const std::set<std::string>& kept_nodes);

}  // namespace mooring::bench
