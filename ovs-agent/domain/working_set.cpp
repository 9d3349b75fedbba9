#include "ovs-agent/domain/working_set.hpp"

namespace mooring::agent {

WorkingSet::Admitted WorkingSet::admit(Key key, bool must, Time now) {
  if (const auto known = entries_.find(key); known != entries_.end()) {
    use(key, known->second, now);
    return {};
  }
  Admitted result;
  if (entries_.size() >= settings_.capacity) {
    const auto oldest = by_use_.begin();
    if (oldest == by_use_.end() || (!must && now - oldest->first < settings_.protect)) {
      result.admission = Admission::full;
      return result;
    }
    result.evicted = oldest->second;
    remove(oldest->second);
  }
  entries_[key] = Entry{now, 0};
  by_use_.emplace(now, key);
  result.admission = Admission::admitted;
  return result;
}

void WorkingSet::counted(Key key, std::uint64_t packets, Time now) {
  const auto known = entries_.find(key);
  if (known == entries_.end() || known->second.packets == packets) {
    return;
  }
  known->second.packets = packets;
  use(key, known->second, now);
}

std::vector<WorkingSet::Key> WorkingSet::expire(Time now) {
  const Duration shortest = settings_.idle - settings_.idle / 10;
  std::vector<Key> expired;
  for (const auto& [used, key] : by_use_) {
    if (now - used < shortest) {
      break;  // and so are all that follow
    }
    if (now - used >= idle_of(key)) {
      expired.push_back(key);
    }
  }
  for (const Key key : expired) {
    remove(key);
  }
  return expired;
}

bool WorkingSet::remove(Key key) {
  const auto known = entries_.find(key);
  if (known == entries_.end()) {
    return false;
  }
  by_use_.erase({known->second.used, key});
  entries_.erase(known);
  return true;
}

std::vector<WorkingSet::Key> WorkingSet::keys() const {
  std::vector<Key> keys;
  keys.reserve(by_use_.size());
  for (auto entry = by_use_.rbegin(); entry != by_use_.rend(); ++entry) {
    keys.push_back(entry->second);
  }
  return keys;
}

WorkingSet::Duration WorkingSet::idle_of(Key key) const {
  const auto part = static_cast<Duration::rep>(directory::PortKeyHash{}(key) % 201);  // 0..200, 100 = none
  return settings_.idle + settings_.idle * (part - 100) / 1000;
}

void WorkingSet::use(Key key, Entry& entry, Time now) {
  by_use_.erase({entry.used, key});
  entry.used = now;
  by_use_.emplace(now, key);
}

}  // namespace mooring::agent
