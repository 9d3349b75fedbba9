// What is wrong with one place of a file.
// Threading: values.
#pragma once

#include <cstddef>
#include <string>

namespace mooring::exchange {

// Where in the input something stands.
struct Place {
  std::string file;
  std::size_t line = 0;  // from 1; 0: the form has no lines that matter (one lease a file, JSON)
  std::string item;      // "IPPool 10.0.0.0-24, allocation 5", where that says more than a line

  // "leases.csv:12", "pools.yaml:7 (IPPool 10.0.0.0-24, allocation 5)"
  std::string str() const {
    std::string text = file + (line == 0 ? "" : ":" + std::to_string(line));
    return item.empty() ? text : text + " (" + item + ")";
  }
  bool operator==(const Place&) const = default;
};

struct Fault {
  Place place;
  std::string field;  // "hwaddr"; "" = the whole line
  std::string value;
  std::string cause;
  std::string hint;  // the way out

  // "leases.csv:12: hwaddr 'zz': is no MAC address (write it like 0a:58:0a:00:00:05)"
  std::string str() const {
    std::string text = place.str() + ": ";
    if (!field.empty()) {
      text += field + " '" + value + "': ";
    }
    return text + cause + (hint.empty() ? "" : " (" + hint + ")");
  }
};

}  // namespace mooring::exchange
