// Texts that many objects share (nodes, subnets, namespaces, …), each kept once and counted.
//
// Threading: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace mooring::controller {

class NameTable {
 public:
  using Id = std::uint32_t;

  // One more user of the text.
  Id take(std::string_view text);
  // One less; the last one takes the text with it.
  void drop(Id id);
  // nullopt: nobody uses it.
  std::optional<Id> find(std::string_view text) const;
  // As long as somebody uses it.
  const std::string& text(Id id) const { return entries_[id].text; }
  std::size_t size() const { return ids_.size(); }

 private:
  struct Entry {
    std::string text;
    std::uint64_t users = 0;
  };
  std::deque<Entry> entries_;  // stable: the keys below are views of its texts
  std::vector<Id> free_;
  boost::unordered_flat_map<std::string_view, Id> ids_;
};

}  // namespace mooring::controller
