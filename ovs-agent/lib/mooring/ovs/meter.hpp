// A meter: drops what goes through a flow faster than a rate. One band; what the switch calls a meter can be more, but
// nothing here makes such ones. A flow names its meter with the action `meter:ID`, first of its actions.
//
// Source: OpenFlow 1.5.1, 5.11; ovs-ofctl(8), "Meter Table Commands". The bucket starts full; its unit is the burst's.
// Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mooring::ovs {

struct Meter {
  enum class Unit { kbps, pktps };

  std::uint32_t id = 0;  // 1 to what the datapath has room for: 262,144 in user space
  Unit unit = Unit::kbps;
  std::uint32_t rate = 0;  // kilobits or packets a second, at least 1. 0 in what a switch said: a meter of another form
  std::uint32_t burst = 0;  // kilobits or packets, at least 1: what may pass at once after a pause
  bool operator==(const Meter&) const = default;
  // "meter=7,kbps,burst,bands=type=drop,rate=1000,burst_size=500", as ovs-ofctl add-meter takes it.
  std::string str() const;
};

using Meters = std::map<std::uint32_t, Meter>;  // by id

// `modify` is an addition where the id is in the switch already, with other values.
struct MeterChange {
  enum class Kind { add, modify, remove };
  Kind kind = Kind::add;
  Meter meter;
  bool operator==(const MeterChange&) const = default;
};

// The meter that packets of an action list pass; 0 if there is none. "meter:7,output:3" gives 7. The switch deletes a
// flow with this meter.
std::uint32_t meter_of(const std::string& actions);
// That one, and those of its `controller` actions. "meter:7,controller(max_len=128,meter_id=8)" gives 7 and 8.
std::vector<std::uint32_t> meters_of(std::string_view actions);

}  // namespace mooring::ovs
