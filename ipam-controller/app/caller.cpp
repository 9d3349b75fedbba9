#include "ipam-controller/app/caller.hpp"

namespace mooring::controller {

std::string to_string(Actor::Kind kind) {
  switch (kind) {
    case Actor::Kind::person:
      return "person";
    case Actor::Kind::node:
      return "node";
    case Actor::Kind::gateway:
      return "gateway";
    case Actor::Kind::system:
      break;
  }
  return "system";
}

}  // namespace mooring::controller
