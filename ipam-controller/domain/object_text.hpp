// The objects that each pod changes, as text written straight: the bytes of to_json(object).dump(), at a tenth of what
// the library takes for them. Threading: pure functions.
#pragma once

#include <string>

#include "ipam-controller/domain/object_json.hpp"

namespace mooring::controller {

// What is no UTF-8 is replaced, here as in all that is written.
std::string text_of(const Json& json);

template <class T>
std::string text_of(const T& object) {
  return text_of(to_json(object));
}
std::string text_of(const Port& port);
std::string text_of(const Binding& binding);

}  // namespace mooring::controller
