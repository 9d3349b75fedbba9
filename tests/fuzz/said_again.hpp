// What every reader of a message owes: what it understood can be written, and is understood alike. Threading: values.
#pragma once

#include "fuzz/target.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::tests {

template <class T>
void read_and_say_again(Result<T> (*reader)(const ipam_api::Json&), const ipam_api::Json& json) {
  const auto value = reader(json);
  if (value) {
    const auto written = to_json(*value);
    const auto again = reader(written);
    must_hold(again && to_json(*again) == written, "what was understood can be said again");
  }
}

}  // namespace mooring::tests
