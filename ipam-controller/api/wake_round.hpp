// Whose turn it is to be told, when everybody is told group by group and a new round may begin before the last one is
// over: it goes on where that one was, so that those at the end do not wait until it is quiet.
//
// Threading: one thread.
#pragma once

#include <cstdint>

namespace mooring::controller {

class WakeRound {
 public:
  // Everybody is to be told (again).
  void begin() {
    start_ = last_;
    wrapped_ = over_ = false;
  }
  // The next of `members`, a map by number (from 1 on), who may come and go in between; end(): all were told.
  template <class Members>
  auto next(Members& members) {
    auto member = over_ ? members.end() : members.upper_bound(last_);
    if (!over_ && !wrapped_ && member == members.end()) {
      wrapped_ = true;
      member = members.begin();
    }
    if (member == members.end() || (wrapped_ && member->first > start_)) {
      over_ = true;
      return members.end();
    }
    last_ = member->first;
    return member;
  }
  bool over() const { return over_; }

 private:
  std::uint64_t last_ = 0;   // who was told
  std::uint64_t start_ = 0;  // where the round began: behind this one
  bool wrapped_ = false;     // it has come to the beginning of the map
  bool over_ = true;
};

}  // namespace mooring::controller
