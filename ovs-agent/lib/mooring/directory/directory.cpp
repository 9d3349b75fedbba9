#include "mooring/directory/directory.hpp"

#include <iterator>
#include <utility>

namespace mooring::directory {
Directory::Directory(std::string own_node)
    : own_node_(std::move(own_node)), own_node_id_(names_.number_of(own_node_)) {}

// ---- asking ----

Port Directory::view(const PortRecord& record, std::string_view attachment, bool provisional) const {
  Port port;
  port.key = record.key;
  port.node = names_.name_of(record.node);
  port.network = names_.name_of(record.network);
  port.mac = net::MacAddress(record.mac);
  port.generation = record.generation;
  port.revision = record.revision;
  port.state = record.state;
  port.attachment = attachment;
  port.own = !own_node_.empty() && record.node == own_node_id_;
  port.provisional = provisional;
  port.extra = record.extra;
  return port;
}

std::optional<Port> Directory::find(PortKey key) const {
  if (const auto own = overlay_.find(key); own != overlay_.end()) {
    return view(own->second.record, own->second.attachment, true);
  }
  const PortRecord* record = table_.find(key);
  if (record == nullptr) {
    return std::nullopt;
  }
  const auto attachment = own_attachments_.find(key);
  return view(*record, attachment == own_attachments_.end() ? std::string_view{} : attachment->second, false);
}

void Directory::for_each_port(const std::function<void(const Port&)>& visit) const {
  table_.for_each([&](const PortRecord& record) {
    if (!overlay_.contains(record.key)) {
      const auto attachment = own_attachments_.find(record.key);
      visit(view(record, attachment == own_attachments_.end() ? std::string_view{} : attachment->second, false));
    }
  });
  for (const auto& [key, own] : overlay_) {
    visit(view(own.record, own.attachment, true));
  }
}

std::size_t Directory::port_count() const {
  std::size_t count = table_.size();
  for (const auto& [key, own] : overlay_) {
    count += table_.find(key) == nullptr ? 1U : 0U;
  }
  return count;
}

std::vector<PortKey> Directory::extras_of(std::string_view attachment) const {
  const auto found = own_extras_.find(attachment);
  return found == own_extras_.end() ? std::vector<PortKey>{}
                                    : std::vector<PortKey>(found->second.begin(), found->second.end());
}

std::vector<std::string> Directory::extra_holders(net::IpAddress address) const {
  std::map<net::Vni, std::string> holders;
  for (const auto& [attachment, keys] : own_extras_) {
    for (const PortKey key : keys) {
      if (key.address == address) {
        holders.emplace(key.vni, attachment);
      }
    }
  }
  std::vector<std::string> found;
  for (auto& [vni, attachment] : holders) {
    found.push_back(std::move(attachment));
  }
  return found;
}

const Subnet* Directory::subnet_in(std::string_view network, net::IpAddress address) const {
  const Subnet* best = nullptr;
  for (const auto& [name, subnet] : subnets(address.family())) {
    if (subnet.network == network && subnet.cidr.contains(address) &&
        (best == nullptr || subnet.cidr.prefix_length() > best->cidr.prefix_length())) {
      best = &subnet;
    }
  }
  return best;
}

Place Directory::locate(std::string_view network, net::IpAddress address) const {
  Place place;
  place.subnet = subnet_in(network, address);
  if (place.subnet == nullptr) {
    return place;
  }
  place.what = Place::What::subnet;
  for (const auto& [name, pool] : pools(address.family())) {
    if (pool.subnet != place.subnet->name) {
      continue;
    }
    for (const net::IpRange& range : pool.ranges) {
      if (range.contains(address)) {
        place.what = Place::What::pool_range;
        place.pool = &pool;
      }
    }
  }
  place.port = find(PortKey{place.subnet->vni, address});
  if (place.port) {
    place.what = Place::What::port;
  }
  return place;
}

Place Directory::locate(net::Vni vni, net::IpAddress address) const {
  return locate(network_of(vni), address);
}

std::optional<net::Ipv4Address> Directory::vtep_of(std::string_view node) const {
  const auto known = nodes_.find(node);
  return known == nodes_.end() ? std::nullopt : std::optional(known->second.vtep);
}

std::vector<Gateway> Directory::gateways_of(std::string_view network) const {
  std::vector<Gateway> found;
  for (const auto& [name, gateway] : gateways_) {
    if (gateway.network == network) {
      found.push_back(gateway);
    }
  }
  return found;
}

std::set<std::string> Directory::vips_of(PortKey backend) const {
  const auto found = vips_of_.find(backend);
  return found == vips_of_.end() ? std::set<std::string>() : found->second;
}

void Directory::put_vip(Vip vip) {
  drop_vip(vip.name);
  for (const VipBackend& backend : vip.backends) {
    vips_of_[backend.at].insert(vip.name);
  }
  vips_.insert_or_assign(vip.name, std::move(vip));
}

void Directory::drop_vip(const std::string& name) {
  const auto vip = vips_.find(name);
  if (vip == vips_.end()) {
    return;
  }
  for (const VipBackend& backend : vip->second.backends) {
    const auto before = vips_of_.find(backend.at);
    before->second.erase(name);
    if (before->second.empty()) {
      vips_of_.erase(before);
    }
  }
  vips_.erase(vip);
}

const Block* Directory::block_at(PortKey key) const {
  auto behind = blocks_.upper_bound(key);
  if (behind == blocks_.begin()) {
    return nullptr;
  }
  const Block& block = std::prev(behind)->second;
  return block.vni == key.vni && block.range.contains(key.address) ? &block : nullptr;
}

const std::set<net::IpCidr>& Directory::listed(std::string_view list) const {
  static const std::set<net::IpCidr> none;
  const auto known = listed_.find(list);
  return known == listed_.end() ? none : known->second;
}

const Subnet* Directory::subnet_of(net::Vni vni) const {
  for (const Subnets& of_family : subnets_) {
    for (const auto& [name, subnet] : of_family) {
      if (subnet.vni == vni) {
        return &subnet;
      }
    }
  }
  return nullptr;
}

std::string_view Directory::network_of(net::Vni vni) const {
  const Subnet* subnet = subnet_of(vni);
  return subnet == nullptr ? std::string_view{} : subnet->network;
}

bool Directory::known_absent(PortKey key, Revision at) const {
  if (table_.find(key) != nullptr || overlay_.contains(key)) {
    return false;
  }
  if (complete_) {
    return revision_ >= at;
  }
  const auto whole = whole_at_.find(key.vni.value());
  return whole != whole_at_.end() && whole->second >= at;
}

bool Directory::complete() const {
  return complete_;
}

// ---- own ports ----

Directory::Applied Directory::apply_own(const ipam_api::Allocation& allocation,
                                        const ipam_api::Attachment& attachment) {
  std::vector<PortKey> keys;
  if (allocation.has_v4()) {
    keys.push_back({allocation.vni, allocation.address.address});
  }
  if (allocation.address6) {
    keys.push_back({allocation.vni, allocation.address6->address});
  }
  bool confirmed = true;
  for (const PortKey key : keys) {
    const Applied applied = apply_own(key, allocation, attachment);
    if (applied == Applied::superseded) {
      for (const PortKey other : keys) {
        forget_own(other, allocation.generation);  // one of two would be half a port
      }
      return applied;
    }
    confirmed = confirmed && applied == Applied::confirmed;
  }
  return confirmed ? Applied::confirmed : Applied::provisional;
}

Directory::Applied Directory::apply_own(PortKey key, const ipam_api::Allocation& allocation,
                                        const ipam_api::Attachment& attachment) {
  const PortRecord* held = table_.find(key);
  if (held != nullptr && !overruled(held->epoch)) {
    if (held->generation == allocation.generation) {
      return Applied::confirmed;
    }
    if (held->generation > allocation.generation) {
      return Applied::superseded;
    }
  }
  const auto waiting = overlay_.find(key);
  if (waiting != overlay_.end() && waiting->second.record.generation > allocation.generation) {
    return Applied::superseded;
  }
  const auto whole = whole_at_.find(key.vni.value());
  const bool passed = (complete_ && revision_ >= allocation.generation) ||
                      (!complete_ && whole != whole_at_.end() && whole->second >= allocation.generation);
  if (passed) {
    return Applied::superseded;
  }
  OwnPort own;
  own.record.key = key;
  own.record.generation = allocation.generation;
  own.record.revision = allocation.generation;
  own.record.node = own_node_id_;
  own.record.network = names_.number_of(allocation.network);
  own.record.mac = allocation.mac.octets();
  own.attachment = attachment.str();
  own.epoch = epoch_;
  overlay_[key] = std::move(own);
  changed_ports_.insert(key);
  return Applied::provisional;
}

void Directory::forget_own(PortKey key, Generation generation) {
  const auto own = overlay_.find(key);
  if (own != overlay_.end() && own->second.record.generation == generation) {
    overlay_.erase(own);
    changed_ports_.insert(key);
  }
}

// The stream has passed `revision` (in one shard, or everywhere): what it had to say about older own ports is said.
void Directory::settle_overlay(std::optional<ipam_api::Shard> shard, Revision revision) {
  for (auto own = overlay_.begin(); own != overlay_.end();) {
    if ((!shard || own->first.vni.value() == *shard) && own->second.record.generation <= revision) {
      changed_ports_.insert(own->first);
      own = overlay_.erase(own);
    } else {
      ++own;
    }
  }
}

Changes Directory::take_changes() {
  changes_.ports.assign(changed_ports_.begin(), changed_ports_.end());
  decltype(changed_ports_)().swap(changed_ports_);  // with its buckets: after a snapshot they are a megabyte
  return std::exchange(changes_, Changes{});
}

}  // namespace mooring::directory
