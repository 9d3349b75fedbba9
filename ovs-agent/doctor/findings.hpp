// What a doctor's check says: all right, look at it, or broken, with the way out. Threading: values.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace mooring::agent::doctor {

enum class Level { ok, warn, fail };

struct Finding {
  std::string area;  // "bridges", "mtu", "peers"
  Level level = Level::ok;
  std::string detail;
  std::string way_out;  // "" with ok
};

class Findings {
 public:
  void ok(std::string area, std::string detail) { add(std::move(area), Level::ok, std::move(detail), ""); }
  void warn(std::string area, std::string detail, std::string way_out) {
    add(std::move(area), Level::warn, std::move(detail), std::move(way_out));
  }
  void fail(std::string area, std::string detail, std::string way_out) {
    add(std::move(area), Level::fail, std::move(detail), std::move(way_out));
  }
  const std::vector<Finding>& all() const { return all_; }
  // The exit code: 0 all right, 1 something to look at, 2 something broken.
  int worst() const {
    int level = 0;
    for (const Finding& finding : all_) {
      level = std::max(level, static_cast<int>(finding.level));
    }
    return level;
  }

 private:
  void add(std::string area, Level level, std::string detail, std::string way_out) {
    all_.push_back({std::move(area), level, std::move(detail), std::move(way_out)});
  }
  std::vector<Finding> all_;
};

}  // namespace mooring::agent::doctor
