#include "ovs-agent/domain/local_ports.hpp"

#include <algorithm>

namespace mooring::agent {
namespace {

std::vector<Segment> segments_of(const LocalPort& port) {
  std::vector<Segment> segments;
  for (const auto& address : port.record.addresses) {
    segments.push_back({port.record.vni, net::IpCidr(address.address, address.prefix_length)});
  }
  return segments;
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
  for (const PortKey key : port.record.keys()) {
    by_key_.emplace(key, attachment);
    by_address_.emplace(key.address, attachment);
  }
  for (const Segment& segment : segments_of(port)) {
    ++segments_[segment];
  }
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
  for (const PortKey key : port.record.keys()) {
    has_departed(key);
  }
  return port;
}

void LocalPorts::has_departed(PortKey key) {
  if (departed_.insert(key).second) {
    departed_order_.push_back(key);
  }
  while (departed_order_.size() > most_departed) {
    departed_.erase(departed_order_.front());
    departed_order_.pop_front();
  }
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

std::vector<const LocalPort*> LocalPorts::at(net::IpAddress address) const {
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
  for (const PortKey key : port.record.keys()) {
    erase_one(by_key_, key, port.record.attachment);
    erase_one(by_address_, key.address, port.record.attachment);
  }
  for (const Segment& of_port : segments_of(port)) {
    const auto segment = segments_.find(of_port);
    if (segment != segments_.end() && --segment->second == 0) {
      segments_.erase(segment);
    }
  }
}

}  // namespace mooring::agent
