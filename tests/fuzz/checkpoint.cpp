// The agent's checkpoint on disk. The checksum is right here: it is what is behind it that is looked at.
#include "mooring/directory/checkpoint.hpp"

#include "fuzz/target.hpp"

using namespace mooring;

MOORING_FUZZ_TARGET(checkpoint) {
  const auto image = directory::read_image(directory::with_checksum(std::string(input)));
  if (image) {
    tests::must_hold(directory::read_image(directory::write_image(*image)).has_value(),
                     "what was understood can be written again");
  }
}
