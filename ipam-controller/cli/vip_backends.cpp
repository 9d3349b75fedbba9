#include "ipam-controller/cli/vip_backends.hpp"

#include <ostream>
#include <string>
#include <vector>

#include "ipam-controller/cli/output.hpp"

namespace mooring::ctl {

void print_vip_backends(std::ostream& out, const Json& vip) {
  const Json& backends = field_at(vip, "backends");
  if (!backends.is_array() || backends.empty()) {
    out << "\nBack ends: none\n";
    return;
  }
  TextTable table({"POD", "ADDRESS", "NODE", "HEALTHY", "SINCE", "WHY NOT"});
  for (const Json& backend : backends) {
    std::vector<std::string> cells;
    for (const char* field : {"pod", "address", "node", "healthy", "since", "why"}) {
      cells.push_back(cell_of(backend, field));
    }
    if (!backend.value("healthy", false)) {
      cells[4] = "-";  // it is the last time's
    }
    table.add(std::move(cells));
  }
  out << "\nBack ends:\n";
  table.print(out, "  ");
}

}  // namespace mooring::ctl
