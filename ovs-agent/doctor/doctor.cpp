#include "ovs-agent/doctor/doctor.hpp"

#include <ostream>

#include <fmt/format.h>

#include "mooring/ipam_api/json_fields.hpp"
#include "ovs-agent/doctor/examination.hpp"

namespace mooring::agent::doctor {
namespace {

constexpr const char* words[] = {"ok", "warn", "FAIL"};
constexpr const char* ids[] = {"ok", "warn", "fail"};

void print_table(const Findings& findings, std::ostream& out) {
  std::size_t width = 0;
  for (const Finding& finding : findings.all()) {
    width = std::max(width, finding.area.size());
  }
  for (const Finding& finding : findings.all()) {
    out << fmt::format("{:<{}}  {:<4}  {}\n", finding.area, width, words[static_cast<int>(finding.level)],
                       finding.detail);
    if (!finding.way_out.empty()) {
      out << fmt::format("{:<{}}        -> {}\n", "", width, finding.way_out);
    }
  }
}

void print_json(const Findings& findings, const Config& config, std::ostream& out) {
  ipam_api::Json items = ipam_api::Json::array();
  for (const Finding& finding : findings.all()) {
    items.push_back({{"area", finding.area},
                     {"level", ids[static_cast<int>(finding.level)]},
                     {"detail", finding.detail},
                     {"way_out", finding.way_out}});
  }
  const ipam_api::Json document = {{"node", config.name}, {"worst", ids[findings.worst()]}, {"findings", items}};
  out << document.dump(2, ' ', false, ipam_api::Json::error_handler_t::replace) << '\n';
}

}  // namespace

int run(const Config& config, std::ostream& out) {
  Examination node(config);
  read_checkpoint(node);
  check_agent(node);
  check_controller(node);
  check_ovsdb(node);
  check_vswitchd(node);
  check_bridges(node);
  check_flows(node);
  check_vtep(node);
  check_mtu(node);
  check_offload(node);
  check_buffers(node);
  check_peers(node);
  if (config.doctor == "json") {
    print_json(node.findings, config, out);
  } else {
    print_table(node.findings, out);
  }
  return node.findings.worst();
}

}  // namespace mooring::agent::doctor
