#include "ipam-controller/domain/name_table.hpp"

namespace mooring::controller {

NameTable::Id NameTable::take(std::string_view text) {
  if (const auto known = ids_.find(text); known != ids_.end()) {
    ++entries_[known->second].users;
    return known->second;
  }
  Id id = 0;
  if (free_.empty()) {
    id = static_cast<Id>(entries_.size());
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id].text = text;
  entries_[id].users = 1;
  ids_.emplace(entries_[id].text, id);
  return id;
}

void NameTable::drop(Id id) {
  Entry& entry = entries_[id];
  if (--entry.users == 0) {
    ids_.erase(entry.text);
    entry.text = std::string();
    free_.push_back(id);
  }
}

std::optional<NameTable::Id> NameTable::find(std::string_view text) const {
  const auto known = ids_.find(text);
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace mooring::controller
