#include "ipam-controller/domain/packed_port.hpp"

#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

namespace mooring::controller {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::array<std::size_t, 4> dashes_of_a_uuid = {8, 13, 18, 23};
constexpr std::size_t uuid_size = 36;

// Appends what an even number of lower-case hexadecimal digits stands for; false: it is something else.
bool append_packed(std::string_view text, std::string& out) {
  if (text.size() % 2 != 0) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = digits.find(text[i]);
    const std::size_t low = digits.find(text[i + 1]);
    if (high == digits.npos || low == digits.npos) {
      return false;
    }
    out += static_cast<char>(high * 16 + low);
  }
  return true;
}

std::string unpacked(std::string_view bytes) {
  std::string text;
  text.reserve(uuid_size);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte / 16];
    text += digits[byte % 16];
  }
  return text;
}

std::optional<std::string> packed_uuid(std::string_view text) {
  if (text.size() != uuid_size) {
    return std::nullopt;
  }
  std::string plain;
  std::size_t from = 0;
  for (const std::size_t dash : dashes_of_a_uuid) {
    if (text[dash] != '-') {
      return std::nullopt;
    }
    plain += text.substr(from, dash - from);
    from = dash + 1;
  }
  plain += text.substr(from);
  std::string packed;
  return append_packed(plain, packed) ? std::optional(packed) : std::nullopt;
}

std::string uuid_of(std::string_view bytes) {
  std::string text = unpacked(bytes);
  for (const std::size_t dash : dashes_of_a_uuid) {
    text.insert(dash, 1, '-');
  }
  return text;
}

// Sizes and texts, one after the other: labels may hold any byte.
std::string packed_labels(const Labels& labels) {
  std::string out;
  const auto add = [&out](const std::string& text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out += text;
  };
  for (const auto& [key, value] : labels) {
    add(key);
    add(value);
  }
  return out;
}

Labels labels_of(std::string_view bytes) {
  Labels labels;
  const auto take = [&bytes] {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof size);
    std::string text(bytes.substr(sizeof size, size));
    bytes.remove_prefix(sizeof size + size);
    return text;
  };
  while (!bytes.empty()) {
    std::string key = take();
    labels.emplace(std::move(key), take());
  }
  return labels;
}

std::uint16_t short_size(std::string_view text) {
  if (text.size() > std::numeric_limits<std::uint16_t>::max()) {
    throw std::logic_error(fmt::format("a text of {} bytes in a port", text.size()));
  }
  return static_cast<std::uint16_t>(text.size());
}

}  // namespace

std::optional<std::string> PackedPort::pack_container(std::string_view text) {
  std::string packed;
  return append_packed(text, packed) ? std::optional(packed) : std::nullopt;
}

PackedPort* PackedPort::make(const Port& port, NameTable& names) {
  const std::string& hostname = port.owner.hostname;
  const std::optional<std::string> container = pack_container(port.attachment.container_id);
  const std::optional<std::string> uid = packed_uuid(port.pod_uid);
  const bool usual_workload = hostname.starts_with(port.workload);
  const bool usual_id = port.id == port_id_of(port.generation);
  std::string tail;
  if (port.addresses.v6()) {
    for (const std::uint64_t half : {port.addresses.v6()->high_bits(), port.addresses.v6()->low_bits()}) {
      tail.append(reinterpret_cast<const char*>(&half), sizeof half);
    }
  }
  const std::string& container_bytes = container ? *container : port.attachment.container_id;
  const std::string& uid_bytes = uid ? *uid : port.pod_uid;
  const std::string labels = packed_labels(port.labels);
  tail += hostname;
  tail += container_bytes;
  tail += uid_bytes;
  tail += usual_workload ? std::string_view() : std::string_view(port.workload);
  tail += usual_id ? std::string_view() : std::string_view(port.id);
  tail += labels;

  // One piece of memory for the object and what lies behind it.
  void* memory = ::operator new(sizeof(PackedPort) + tail.size());
  auto* packed = new (memory) PackedPort();
  std::memcpy(packed->tail(), tail.data(), tail.size());
  packed->vni_ = port.vni;
  packed->v4_ = port.addresses.v4() ? port.addresses.v4()->v4().bits() : 0;
  packed->network_ = names.take(port.owner.network);
  packed->namespace_ = names.take(port.owner.namespace_);
  packed->subnet_ = names.take(port.subnet);
  packed->pool_ = names.take(port.pool);
  packed->node_ = names.take(port.node);
  packed->ifname_ = names.take(port.attachment.ifname);
  packed->ordinal_ = port.owner.interface_ordinal;
  packed->labels_size_ = static_cast<std::uint32_t>(labels.size());
  packed->hostname_size_ = short_size(hostname);
  packed->container_size_ = short_size(container_bytes);
  packed->uid_size_ = short_size(uid_bytes);
  packed->workload_size_ = short_size(port.workload);
  packed->id_size_ = usual_id ? std::uint16_t{0} : short_size(port.id);
  packed->mac_ = port.mac.octets();
  packed->flags_ = static_cast<std::uint8_t>((port.addresses.v4() ? v4_flag : 0) | (port.addresses.v6() ? v6_flag : 0) |
                                             (container ? container_flag : 0) | (uid ? uid_flag : 0) |
                                             (usual_workload ? workload_flag : 0) | (usual_id ? 0 : id_flag));
  packed->kind_ = static_cast<std::uint8_t>(port.kind);
  packed->state_ = static_cast<std::uint8_t>(port.state);
  packed->generation_ = port.generation;
  packed->revision_ = port.revision;
  packed->created_ms_ = port.created_ms;
  return packed;
}

void PackedPort::let_go(NameTable& names) const {
  if (--users_ > 0) {
    return;
  }
  for (const NameTable::Id name : {network_, namespace_, subnet_, pool_, node_, ifname_}) {
    names.drop(name);
  }
  // Nothing in it has a destructor.
  ::operator delete(const_cast<PackedPort*>(this));
}

std::optional<net::IpAddress> PackedPort::v4() const {
  return has(v4_flag) ? std::optional<net::IpAddress>(net::Ipv4Address(v4_)) : std::nullopt;
}

std::optional<net::IpAddress> PackedPort::v6() const {
  if (!has(v6_flag)) {
    return std::nullopt;
  }
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), tail(), sizeof halves);
  return net::IpAddress::from_bits((static_cast<net::IpAddress::Bits>(halves[0]) << 64) | halves[1]);
}

net::AddressPair PackedPort::addresses() const {
  net::AddressPair pair;
  if (has(v4_flag)) {
    pair.set(*v4());
  }
  if (has(v6_flag)) {
    pair.set(*v6());
  }
  return pair;
}

std::optional<std::string_view> PackedPort::unusual_id() const {
  return has(id_flag) ? std::optional(bytes(id_at(), id_size_)) : std::nullopt;
}

BindingKey PackedPort::owner(const NameTable& names) const {
  return {names.text(network_), names.text(namespace_), std::string(hostname()), ordinal_};
}

Port PackedPort::unpack(const NameTable& names) const {
  Port port;
  const auto id = unusual_id();
  port.id = id ? std::string(*id) : port_id_of(generation_);
  port.owner = owner(names);
  port.kind = static_cast<Kind>(kind_);
  port.subnet = names.text(subnet_);
  port.pool = names.text(pool_);
  port.vni = vni_;
  port.addresses = addresses();
  port.mac = mac();
  port.node = names.text(node_);
  port.attachment.container_id = has(container_flag) ? unpacked(container()) : std::string(container());
  port.attachment.ifname = names.text(ifname_);
  const std::string_view uid = bytes(uid_at(), uid_size_);
  port.pod_uid = has(uid_flag) ? uuid_of(uid) : std::string(uid);
  port.workload = has(workload_flag) ? hostname().substr(0, workload_size_) : bytes(workload_at(), workload_size_);
  port.labels = labels_of(bytes(labels_at(), labels_size_));
  port.created_ms = created_ms_;
  port.generation = generation_;
  port.state = static_cast<PortState>(state_);
  port.revision = revision_;
  return port;
}

}  // namespace mooring::controller
