// Calls of an earlier release's CNI plugin and its agent's answers, as they were on the socket (tests/recorded/NAME).
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace mooring::tests {

struct RecordedCall {
  std::string name;          // of the file: "01-attach"
  std::string method, path;  // "POST", "/v1/attach"
  nlohmann::json request;    // null: none
  int status = 0;
  nlohmann::json answer;
};

// In the order of their files' names.
inline std::vector<RecordedCall> recorded_calls(const std::string& protocol) {
  std::vector<RecordedCall> calls;
  for (const auto& file : std::filesystem::directory_iterator(MOORING_SOURCE_DIR "/tests/recorded/" + protocol)) {
    std::ifstream stream(file.path());
    const auto json = nlohmann::json::parse(stream);
    calls.push_back({file.path().stem(), json.at("method"), json.at("path"), json.at("request"), json.at("status"),
                     json.at("answer")});
  }
  std::sort(calls.begin(), calls.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return calls;
}

// Paths of what `had` has and `has` has not, or of another type: what a reader of `had` would miss. Elements of lists
// are compared with the first one there.
inline std::vector<std::string> missing_from(const nlohmann::json& has, const nlohmann::json& had,
                                             const std::string& path = "") {
  std::vector<std::string> missing;
  const auto add = [&](const std::vector<std::string>& more) {
    missing.insert(missing.end(), more.begin(), more.end());
  };
  if (had.is_object() && has.is_object()) {
    for (const auto& [key, value] : had.items()) {
      if (!has.contains(key)) {
        missing.push_back(path + "." + key);
      } else {
        add(missing_from(has[key], value, path + "." + key));
      }
    }
  } else if (had.is_array() && has.is_array()) {
    if (!had.empty() && !has.empty()) {
      add(missing_from(has.front(), had.front(), path + "[]"));
    }
  } else if (had.is_number() != has.is_number() || (!had.is_number() && had.type() != has.type())) {
    missing.push_back(path);
  }
  return missing;
}

}  // namespace mooring::tests
