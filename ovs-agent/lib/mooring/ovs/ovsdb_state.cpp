#include "mooring/ovs/ovsdb_state.hpp"

namespace mooring::ovs {

const OvsBridge* OvsdbState::bridge(std::string_view name) const {
  const auto there = bridges.find(name);
  return there == bridges.end() ? nullptr : &there->second;
}

const OvsInterface* OvsdbState::interface(std::string_view bridge_name, std::string_view name) const {
  const OvsBridge* on = bridge(bridge_name);
  if (on == nullptr) {
    return nullptr;
  }
  const auto there = on->interfaces.find(name);
  return there == on->interfaces.end() ? nullptr : there->second.get();
}

}  // namespace mooring::ovs
