#include "mooring/directory/port_table.hpp"

namespace mooring::directory {

std::uint32_t Names::number_of(std::string_view name) {
  if (const auto known = numbers_.find(name); known != numbers_.end()) {
    return known->second;
  }
  const auto number = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  numbers_.emplace(names_.back(), number);
  return number;
}

std::size_t PortTable::slot_of(PortKey key) const {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = PortKeyHash{}(key)&mask;
  while (index_[slot] != empty && records_[index_[slot] - 1].key != key) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

const PortRecord* PortTable::find(PortKey key) const {
  if (size_ == 0) {
    return nullptr;
  }
  const std::uint32_t number = index_[slot_of(key)];
  return number == empty ? nullptr : &records_[number - 1];
}

void PortTable::put(const PortRecord& record) {
  if ((size_ + 1) * 4 > index_.size() * 3) {
    grow();
  }
  std::uint32_t& number = index_[slot_of(record.key)];
  if (number != empty) {
    records_[number - 1] = record;
    return;
  }
  if (free_.empty()) {
    records_.push_back(record);
    number = static_cast<std::uint32_t>(records_.size());
  } else {
    number = free_.back();
    free_.pop_back();
    records_[number - 1] = record;
  }
  ++size_;
}

bool PortTable::erase(PortKey key) {
  if (size_ == 0) {
    return false;
  }
  std::size_t hole = slot_of(key);
  if (index_[hole] == empty) {
    return false;
  }
  free_.push_back(index_[hole]);
  --size_;
  // Backward shift: what probed past the hole moves into it, so that no probe ends too early and no mark is needed.
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = (hole + 1) & mask; index_[slot] != empty; slot = (slot + 1) & mask) {
    const std::size_t home = PortKeyHash{}(records_[index_[slot] - 1].key) & mask;
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      index_[hole] = index_[slot];
      hole = slot;
    }
  }
  index_[hole] = empty;
  return true;
}

void PortTable::grow() {
  const std::vector<std::uint32_t> old = std::move(index_);
  index_.assign(old.empty() ? 64 : old.size() * 2, empty);
  for (const std::uint32_t number : old) {
    if (number != empty) {
      index_[slot_of(records_[number - 1].key)] = number;
    }
  }
}

void PortTable::for_each(const std::function<void(const PortRecord&)>& visit) const {
  for (const std::uint32_t number : index_) {
    if (number != empty) {
      visit(records_[number - 1]);
    }
  }
}

std::size_t PortTable::memory_bytes() const {
  return records_.size() * sizeof(PortRecord) + (index_.capacity() + free_.capacity()) * sizeof(std::uint32_t);
}

}  // namespace mooring::directory
