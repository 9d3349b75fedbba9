// Objects in files, for apply and diff: YAML or JSON documents `kind: pool` + `spec:`, with the spec in the API's
// shape. Threading: pure functions, but for the reading of files.
#pragma once

#include <string>
#include <vector>

#include "ipam-controller/exchange/text_file.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

using ipam_api::Json;

struct ObjectDocument {
  std::string source;  // "pools.yaml:12"
  std::string kind;    // "pool", as the API calls it
  Json spec;
};

// All objects of a file; documents may be lists, or {"items": [...]}. The error names file and line.
Result<std::vector<ObjectDocument>> objects_in(const exchange::TextFile& file);

// Files, folders (their *.yaml, *.yml and *.json, in the order of the names), "-".
Result<std::vector<ObjectDocument>> read_objects(const std::vector<std::string>& paths);

// So that nothing comes before what it refers to: networks, subnets, pools (those that others fall back to first),
// everything else. Otherwise the order stays.
void sort_for_apply(std::vector<ObjectDocument>& objects);

}  // namespace mooring::ctl
