// Bridging's half that speaks on the segment: it asks for machines whose MAC nobody knows, and announces addresses that
// have become containers'.
#include <optional>

#include <fmt/format.h>

#include "overlay-gateway/app/bridging.hpp"
#include "overlay-gateway/domain/pipeline.hpp"

namespace mooring::gateway {
namespace {

constexpr std::chrono::milliseconds question_life{1000};
constexpr std::size_t most_questions = 256, most_waiting = 3;
constexpr std::size_t ethernet = 14;
constexpr int times_announced = 3;
constexpr std::chrono::milliseconds announced_again{1000};
constexpr std::size_t most_announcements = 1000, announcements_a_second = 50;

// Where an IP packet is for.
std::optional<net::IpAddress> destination_of(const ovs::Bytes& packet) {
  if (packet.size() < ethernet) {
    return std::nullopt;
  }
  const bool v6 = packet[12] == 0x86 && packet[13] == 0xdd;
  const std::size_t at = ethernet + (v6 ? 24 : 16), size = v6 ? 16 : 4;
  if (packet.size() < at + size) {
    return std::nullopt;
  }
  net::IpAddress::Bits bits = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits = bits << 8 | packet[at + i];
  }
  return v6 ? net::IpAddress::from_bits(bits) : net::IpAddress(net::Ipv4Address(static_cast<std::uint32_t>(bits)));
}

}  // namespace

void Bridging::received(const ovs::PacketIn& packet) {
  if (packet.userdata.size() < 4) {
    return;
  }
  const std::uint32_t vni = std::uint32_t{packet.userdata[1]} << 16 | std::uint32_t{packet.userdata[2]} << 8 |
                            std::uint32_t{packet.userdata[3]};
  const BridgedSubnet* subnet = subnet_of(vni);
  if (subnet == nullptr) {
    return;
  }
  if (packet.userdata[0] == bridge_packet::unknown_machine) {
    ask(*subnet, packet.data);
  } else if (packet.userdata[0] == bridge_packet::arp_answer || packet.userdata[0] == bridge_packet::nd_answer) {
    answered(*subnet, packet.data);
  }
}

void Bridging::ask(const BridgedSubnet& subnet, const ovs::Bytes& packet) {
  const auto destination = destination_of(packet);
  const BridgedBlock* block = destination ? subnet.block_of(*destination) : nullptr;
  if (block == nullptr) {
    return;
  }
  const Machine machine{subnet.vni.value(), *destination};
  const auto now = Clock::now();
  if (questions_.size() >= most_questions && !questions_.contains(machine)) {
    std::erase_if(questions_, [&](const auto& item) { return now > item.second.asked + question_life; });
    if (questions_.size() >= most_questions) {
      ++not_asked_;
      return;
    }
  }
  Question& question = questions_[machine];
  if (now > question.asked + question_life) {
    question.asked = now;
    question.packets.clear();  // too old
    send_to_segment(neighbour_question(speaker_of(subnet), block->gateway, *destination));
    ++asked_;
  }
  if (question.packets.size() < most_waiting) {
    question.packets.push_back(packet);
  }
}

void Bridging::send_to_segment(ovs::Bytes frame) {
  ovs::PacketOut out;
  out.in_port = port::vxlan;
  out.actions = fmt::format("output:{}", port::segment);
  out.data = std::move(frame);
  packets_->send(std::move(out));
}

void Bridging::answered(const BridgedSubnet& subnet, const ovs::Bytes& packet) {
  const auto machine = neighbour_in(packet);
  const auto question = machine ? questions_.find(Machine{subnet.vni.value(), machine->address}) : questions_.end();
  if (question == questions_.end()) {
    return;
  }
  for (ovs::Bytes& waiting : question->second.packets) {
    ovs::PacketOut out;
    out.in_port = port::vxlan;
    out.actions = to_machine(subnet, machine->mac);
    out.data = std::move(waiting);
    packets_->send(std::move(out));
  }
  questions_.erase(question);
  ++answered_;
}

// ---- announcements -------------------------------------------------------------------------------------------------

void Bridging::announce(net::Vni vni, net::IpAddress address) {
  const BridgedSubnet* subnet = subnet_of(vni.value());
  if (subnet == nullptr || subnet->block_of(address) == nullptr || !forwards(vni.value())) {
    return;
  }
  if (announcements_.size() >= most_announcements) {
    ++not_announced_;
    return;
  }
  announcements_.emplace(Clock::now(), Announcement{vni.value(), address, times_announced});
  tell_segment();
}

void Bridging::announce_gateways(std::uint32_t vni) {
  if (const BridgedSubnet* subnet = subnet_of(vni)) {
    for (const BridgedBlock& block : subnet->blocks) {
      announce(subnet->vni, block.gateway);
    }
  }
}

void Bridging::tell_segment() {
  const auto now = Clock::now();
  if (now >= next_budget_) {
    next_budget_ = now + announced_again;
    budget_ = announcements_a_second;
  }
  while (!announcements_.empty() && announcements_.begin()->first <= now && budget_ > 0) {
    Announcement one = announcements_.begin()->second;
    announcements_.erase(announcements_.begin());
    const BridgedSubnet* subnet = subnet_of(one.vni);
    const BridgedBlock* block = subnet == nullptr ? nullptr : subnet->block_of(one.address);
    if (block == nullptr || !forwards(one.vni)) {
      continue;  // another gateway's MAC is the same; what it forwards it has told
    }
    send_to_segment(neighbour_announcement(speaker_of(*subnet), one.address, one.address == block->gateway));
    ++announced_;
    --budget_;
    if (--one.times > 0) {
      announcements_.emplace(now + announced_again, one);
    }
  }
}

}  // namespace mooring::gateway
