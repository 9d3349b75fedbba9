#include "ovs-agent/domain/local_ports.hpp"

#include <algorithm>

namespace mooring::agent {
namespace {

Segment segment_of(const LocalPort& port) {
  return {port.record.vni, net::Cidr(port.record.address.address, port.record.address.prefix_length)};
}

template <class Index, class Key>
void erase_one(Index& index, const Key& key, const Attachment& attachment) {
  const auto [first, last] = index.equal_range(key);
  const auto found = std::find_if(first, last, [&](const auto& item) { return item.second == attachment; });
  if (found != last) {
    index.erase(found);
  }
}

}  // namespace

void LocalPorts::put(LocalPort port) {
  const Attachment attachment = port.record.attachment;
  if (const auto former = ports_.find(attachment); former != ports_.end()) {
    unindex(former->second);
  }
  by_key_.emplace(port.record.key(), attachment);
  by_address_.emplace(port.record.address.address, attachment);
  ++segments_[segment_of(port)];
  ports_.insert_or_assign(attachment, std::move(port));
}

std::optional<LocalPort> LocalPorts::remove(const Attachment& attachment) {
  const auto found = ports_.find(attachment);
  if (found == ports_.end()) {
    return std::nullopt;
  }
  LocalPort port = std::move(found->second);
  ports_.erase(found);
  unindex(port);
  if (departed_.insert(port.record.key()).second) {
    departed_order_.push_back(port.record.key());
    if (departed_order_.size() > most_departed) {
      departed_.erase(departed_order_.front());
      departed_order_.pop_front();
    }
  }
  return port;
}

LocalPort* LocalPorts::find(const Attachment& attachment) {
  const auto found = ports_.find(attachment);
  return found == ports_.end() ? nullptr : &found->second;
}

const LocalPort* LocalPorts::find(const Attachment& attachment) const {
  const auto found = ports_.find(attachment);
  return found == ports_.end() ? nullptr : &found->second;
}

std::vector<const LocalPort*> LocalPorts::at(PortKey key) const {
  std::vector<const LocalPort*> found;
  const auto [first, last] = by_key_.equal_range(key);
  for (auto item = first; item != last; ++item) {
    found.push_back(&ports_.at(item->second));
  }
  return found;
}

std::vector<const LocalPort*> LocalPorts::at(net::Ipv4Address address) const {
  std::vector<const LocalPort*> found;
  const auto [first, last] = by_address_.equal_range(address);
  for (auto item = first; item != last; ++item) {
    found.push_back(&ports_.at(item->second));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto* a, const auto* b) { return a->record.vni < b->record.vni; });
  return found;
}

void LocalPorts::unindex(const LocalPort& port) {
  erase_one(by_key_, port.record.key(), port.record.attachment);
  erase_one(by_address_, port.record.address.address, port.record.attachment);
  const auto segment = segments_.find(segment_of(port));
  if (segment != segments_.end() && --segment->second == 0) {
    segments_.erase(segment);
  }
}

}  // namespace mooring::agent
