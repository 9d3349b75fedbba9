// Who had an address, or which addresses a hostname had, put together from the records of the audit ledger.
// Threading: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ctl {

using ipam_api::Json;

// One container (kind "port"), or one hostname without a container ("binding"), for some time.
struct Holding {
  std::string kind;
  std::string addresses;  // "10.0.0.5", "10.0.0.5, fd00::5"
  std::string pod;        // "shop/db-0"
  std::string network;
  std::string node, mac;  // node "": a binding
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;  // 0: until now
  std::string by;          // "node h1"; "": its record was pruned
  std::string ended_by;    // "node h1: cni-del"

  bool at(std::int64_t time_ms) const { return from_ms <= time_ms && (to_ms == 0 || time_ms < to_ms); }
};

class Holdings {
 public:
  // Records of one subject, oldest first.
  void add(const Json& record);
  // Oldest first.
  const std::vector<Holding>& all() const { return all_; }

 private:
  void open(const Json& record, const Json& object, bool pruned);
  void close(const std::string& key, const Json& record);

  std::vector<Holding> all_;
  std::map<std::string, std::size_t> open_;  // by kind and key of the object: where in all_
};

}  // namespace mooring::ctl
