// "Release on evidence only", the controller's part: a node that says within ten minutes that more than five, and more
// than a tenth, of its ports are gone is more likely wrong than right. What is above that is held: refused with
// release_held until an operator lets it go (the node asks again). CNI DEL is never held; nor is what was bound before
// the node's kernel booted anew, which its registration has shown.
//
// In memory: a controller that starts anew counts anew, and the node, which still asks for all of it, is held again.
// Threading: one thread. Times: Unix milliseconds that never step back.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "ipam-controller/domain/state.hpp"

namespace mooring::controller {

// May a node lose that many of its ports at once? More than five and more than a tenth: an operator decides.
inline constexpr std::size_t always_released = 5;
inline constexpr std::size_t released_percent = 10;
constexpr bool too_many(std::size_t lost, std::size_t ports) {
  return lost > always_released && lost * 100 > ports * released_percent;
}

class ReleaseBrake {
 public:
  static constexpr TimeMs window_ms = 600'000;
  struct Held {
    std::size_t held = 0;   // releases
    std::size_t ports = 0;  // that the node has, what it gave back in the window included
    // "node h1 says that 8 of its 20 ports are gone; 3 are held"
    std::string str(const std::string& node) const;
    std::size_t asked = 0;  // for in the window
  };

  // release_held, or fine and counted. `port` is what would be released.
  Result<void> admit(const State& state, const std::string& reason, const Port& port, TimeMs now);
  // What is held of that node may go when the node asks again; how many.
  std::size_t let_go(const std::string& node);
  // Once after each time that a node's releases began to be held.
  std::optional<Held> take_alarm(const std::string& node);
  // By node; those of which something is held.
  std::map<std::string, Held> held() const;

 private:
  using Key = std::pair<Attachment, Generation>;
  struct Asked {
    TimeMs at = 0;
    bool held = false;
    bool allowed = false;  // by an operator
  };
  struct Node {
    std::map<Key, Asked> asked;
    std::size_t ports = 0;
    bool alarmed = false;  // and not yet told
    bool holding = false;
  };
  static Held summary(const Node& node);

  std::map<std::string, Node> nodes_;
};

}  // namespace mooring::controller
