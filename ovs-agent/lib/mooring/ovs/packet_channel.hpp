// The second OpenFlow connection of a bridge: packets that `controller(…)` actions send us, packets that we hand back,
// and how often the flows of a table were used. Apart from the programming connection (openflow.hpp): that one's
// barriers and bundles must not wait behind packets, nor packets behind them.
//
// API: asynchronous; nothing here blocks the owner. Packets are handed over in batches; when the owner does not keep
// up, at most `most_waiting` wait and the rest are dropped and counted: a packet-in is a hint, never the only copy that
// matters for ever. Redials for ever, at intervals of 20 to 200 ms.
// Threading: call from one thread (the owner's); the connection lives on a thread of its own.
// Source: NXT_PACKET_IN2 (ovs-actions(7), "controller"), OpenFlow 1.5.1, 7.3.6 (packet-out), 7.3.5.2 (flow
// descriptions).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/ovs/flow.hpp"
#include "mooring/ovs/library.hpp"

namespace mooring::ovs {

using Bytes = std::vector<std::uint8_t>;

struct PacketIn {
  std::uint8_t table = 0;
  std::uint32_t in_port = 0;
  std::uint32_t pkt_mark = 0;
  std::size_t whole_size = 0;  // bytes of the packet; data may be less
  Bytes data;                  // from the Ethernet header on, at least what the action asks for (OVS 3.1 cuts nothing)
  Bytes userdata;              // of the `controller` action
};

struct PacketOut {
  std::uint32_t in_port = 0;
  std::string actions;  // as ovs-ofctl reads them: "set_field:0->pkt_mark,output:2"
  Bytes data;
};

struct FlowUse {
  FlowKey key;
  std::uint64_t packets = 0;
};

// How the agent reaches packets: OpenFlowPackets in programs, a fake in tests.
class PacketChannel {
 public:
  using Packets = std::function<void(std::vector<PacketIn>)>;
  using Uses = std::function<void(Result<std::vector<FlowUse>>)>;

  virtual ~PacketChannel() = default;
  // Not confirmed; lost while there is no connection, and counted.
  virtual void send(PacketOut packet) = 0;
  // The flows of `table` whose cookie has the bits of `cookie` where `mask` is 1. `unavailable`, `timeout`.
  virtual void uses(std::uint8_t table, std::uint64_t cookie, std::uint64_t mask, std::chrono::milliseconds deadline,
                    Uses done) = 0;

  struct Counters {
    std::uint64_t received = 0;  // packets handed to the owner
    std::uint64_t dropped = 0;   // the owner did not keep up
    std::uint64_t sent = 0;
    std::uint64_t not_sent = 0;  // no connection, or actions that cannot be encoded
  };
  virtual Counters counters() const = 0;
  virtual bool connected() const = 0;

  static constexpr std::size_t most_waiting = 512;
};

class OpenFlowPackets final : public PacketChannel {
 public:
  // `target` = "unix:/run/openvswitch/br-tun.mgmt" (absolute path). Starts dialling at once.
  OpenFlowPackets(std::string target, Post post, Packets packets);
  ~OpenFlowPackets() override;
  OpenFlowPackets(const OpenFlowPackets&) = delete;
  OpenFlowPackets& operator=(const OpenFlowPackets&) = delete;

  void send(PacketOut packet) override;
  void uses(std::uint8_t table, std::uint64_t cookie, std::uint64_t mask, std::chrono::milliseconds deadline,
            Uses done) override;
  Counters counters() const override;
  bool connected() const override;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace mooring::ovs
