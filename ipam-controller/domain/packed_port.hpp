// A port as the controller keeps it: one allocation of about 170 bytes instead of a dozen strings, so that a million of
// them fit into a few hundred megabytes. Names that many ports share are numbers (name_table.hpp); container ids and
// UIDs are kept as the bytes that their hexadecimal digits stand for.
//
// A packed port never changes (a changed one is another), so a list of them is a snapshot. They are counted: whoever
// holds one lets it go.
// Threading: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipam-controller/domain/name_table.hpp"
#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

class PackedPort {
 public:
  // With one user.
  static PackedPort* make(const Port& port, NameTable& names);
  void hold() const { ++users_; }
  // The last one takes it with it.
  void let_go(NameTable& names) const;

  Port unpack(const NameTable& names) const;

  net::Vni vni() const { return vni_; }
  Generation generation() const { return generation_; }
  net::MacAddress mac() const { return net::MacAddress(mac_); }
  std::optional<net::IpAddress> v4() const;
  std::optional<net::IpAddress> v6() const;
  net::IpAddress primary() const { return has(v4_flag) ? *v4() : *v6(); }
  net::AddressPair addresses() const;
  NameTable::Id network() const { return network_; }
  NameTable::Id namespace_id() const { return namespace_; }
  NameTable::Id node() const { return node_; }
  NameTable::Id ifname() const { return ifname_; }
  std::uint32_t interface_ordinal() const { return ordinal_; }
  std::string_view hostname() const { return bytes(hostname_at(), hostname_size_); }
  // As pack_container() has it.
  std::string_view container() const { return bytes(container_at(), container_size_); }
  bool container_is_packed() const { return has(container_flag); }
  // nullopt: it follows from the generation.
  std::optional<std::string_view> unusual_id() const;
  BindingKey owner(const NameTable& names) const;

  // Its places in the lists of its node and of its VNI (port_table.hpp).
  mutable std::uint32_t at_node = 0;
  mutable std::uint32_t at_vni = 0;

  // Pairs of lower-case hexadecimal digits as bytes; none: the text is something else.
  static std::optional<std::string> pack_container(std::string_view text);

 private:
  enum Flag : std::uint8_t {
    v4_flag = 1,
    v6_flag = 2,
    container_flag = 4,  // packed
    uid_flag = 8,        // packed
    workload_flag = 16,  // the beginning of the hostname, not kept
    id_flag = 32         // kept
  };
  PackedPort() = default;
  ~PackedPort() = default;
  bool has(Flag flag) const { return (flags_ & flag) != 0; }
  // The texts lie behind the object: IPv6 address, hostname, container, UID, workload, id, labels.
  const char* tail() const { return reinterpret_cast<const char*>(this + 1); }
  char* tail() { return reinterpret_cast<char*>(this + 1); }
  std::string_view bytes(std::size_t at, std::size_t size) const { return {tail() + at, size}; }
  std::size_t hostname_at() const { return has(v6_flag) ? 16 : 0; }
  std::size_t container_at() const { return hostname_at() + hostname_size_; }
  std::size_t uid_at() const { return container_at() + container_size_; }
  std::size_t workload_at() const { return uid_at() + uid_size_; }
  std::size_t id_at() const { return workload_at() + (has(workload_flag) ? 0U : workload_size_); }
  std::size_t labels_at() const { return id_at() + id_size_; }

  mutable std::uint32_t users_ = 1;
  net::Vni vni_;
  std::uint32_t v4_ = 0;
  NameTable::Id network_ = 0, namespace_ = 0, subnet_ = 0, pool_ = 0, node_ = 0, ifname_ = 0;
  std::uint32_t ordinal_ = 0;
  std::uint32_t labels_size_ = 0;
  std::uint16_t hostname_size_ = 0, container_size_ = 0, uid_size_ = 0, workload_size_ = 0, id_size_ = 0;
  std::array<std::uint8_t, 6> mac_{};
  std::uint8_t flags_ = 0, kind_ = 0, state_ = 0;
  Generation generation_ = 0;
  Revision revision_ = 0;
  TimeMs created_ms_ = 0;
};

}  // namespace mooring::controller
