// HTTP requests and answers, in one piece and byte by byte.
#include <algorithm>

#include "fuzz/target.hpp"
#include "mooring/http/wire.hpp"

using namespace mooring;

namespace {

template <class Reader>
bool feed(Reader& reader, std::string_view bytes, std::size_t piece) {
  std::size_t begin = 0;
  std::size_t end = std::min(piece, bytes.size());
  while (begin < bytes.size()) {
    const auto taken = reader.feed(bytes.substr(begin, end - begin));
    if (!taken) {
      return false;
    }
    tests::must_hold(*taken <= end - begin, "no more was taken than was given");
    begin += *taken;
    if (reader.done()) {
      return true;
    }
    if (end == bytes.size() && *taken == 0) {
      return false;
    }
    end = std::min(std::max(end, begin) + piece, bytes.size());
  }
  return reader.done();
}

}  // namespace

MOORING_FUZZ_TARGET(http_message) {
  constexpr std::size_t most = 64 * 1024;
  for (const std::size_t piece : {most, std::size_t{1}}) {
    http::wire::RequestReader requests(most, most);
    if (feed(requests, input, piece)) {
      static_cast<void>(requests.take());
    }
    http::wire::ResponseReader answers(most);
    answers.start(false);
    if (feed(answers, input, piece) || answers.finish()) {
      static_cast<void>(answers.take());
    }
  }
}
