// YAML and JSON documents as JSON values, with the lines that their objects began on.
//
// Source: YAML 1.2, core schema: true and false, null and ~, decimal, 0o and 0x numbers; everything else is a text
// ("yes" and "12:30" too). JSON is read by the same rules. Aliases (&a, *a, <<) are refused: nothing that Mooring reads
// needs them, and a few lines of them can become gigabytes. So are tags other than !!str, and keys that come twice.
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "ipam-controller/exchange/text_file.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::exchange {

using ipam_api::Json;

struct Document {
  std::string file;
  std::size_t line = 1;  // where it begins
  Json value;
  // Lines of the objects in it, by JSON pointer ("/items/3/spec"); those of lists and scalars are not kept.
  std::map<std::string, std::size_t, std::less<>> lines;

  // The line of the object at that pointer, or of the nearest object around it.
  std::size_t line_of(std::string pointer) const;
};

// All documents of a file; empty ones are left out. The error names file and line.
Result<std::vector<Document>> documents_in(const TextFile& file);

}  // namespace mooring::exchange
