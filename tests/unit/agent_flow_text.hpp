// The flows of a plan as text, and the golden files that show it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "mooring/ovs/flow_table.hpp"
#include "mooring/ovs/group.hpp"
#include "mooring/ovs/library.hpp"
#include "ovs-agent/domain/desired_flows.hpp"

namespace mooring::agent::test {

// The two bridges as libopenvswitch understands them: what it would refuse, this refuses.
inline std::string text_of(const FlowLines& lines) {
  ovs::initialise("agent_unit_tests");
  ovs::DesiredFlows br_int;
  ovs::DesiredFlows br_tun;
  for (const auto& line : lines.br_int) {
    const auto added = br_int.add(line);
    INFO(line);
    REQUIRE((added ? "" : added.error().text()) == "");
  }
  for (const auto& line : lines.br_tun) {
    const auto added = br_tun.add(line);
    INFO(line);
    REQUIRE((added ? "" : added.error().text()) == "");
  }
  std::string groups;
  for (const auto& line : lines.br_tun_groups) {
    const auto group = ovs::parse_group(line);
    INFO(line);
    REQUIRE((group ? "" : group.error().text()) == "");
    groups += group->text + "\n";
  }
  return "# br-int\n" + br_int.text() + "\n# br-tun\n" + br_tun.text() +
         (groups.empty() ? "" : "\n# groups of br-tun\n") + groups;
}

// All lines of those groups.
inline FlowLines lines_of(const FlowPlan& plan, const FlowGroups& groups) {
  FlowLines all;
  for (const auto& group : groups) {
    const auto lines = plan.lines(group);
    all.br_int.insert(all.br_int.end(), lines.br_int.begin(), lines.br_int.end());
    all.br_tun.insert(all.br_tun.end(), lines.br_tun.begin(), lines.br_tun.end());
    all.br_tun_groups.insert(all.br_tun_groups.end(), lines.br_tun_groups.begin(), lines.br_tun_groups.end());
  }
  return all;
}

inline FlowLines everything(const FlowPlan& plan) {
  return lines_of(plan, plan.all_groups());
}

// Compares with tests/golden/NAME; MOORING_UPDATE_GOLDEN=1 writes it anew.
inline void same_as_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(MOORING_SOURCE_DIR) + "/tests/golden/" + name;
  if (std::getenv("MOORING_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  REQUIRE(text == golden.str());
}

}  // namespace mooring::agent::test
