// One GET whose answer is bytes, taken as they come: for files that are larger than memory should hold.
// Errors: as BlockingClient. Threading: one thread; blocks until the deadline.
#pragma once

#include <memory>
#include <string>

#include "mooring/base/error.hpp"
#include "mooring/http/deadline.hpp"
#include "mooring/http/endpoint.hpp"
#include "mooring/http/message.hpp"

namespace mooring::http {

class BlockingDownload {
 public:
  // `endpoint` is resolved. `token` becomes "Authorization: Bearer …" unless empty.
  BlockingDownload(Endpoint endpoint, std::string token);
  ~BlockingDownload();
  BlockingDownload(const BlockingDownload&) = delete;
  BlockingDownload& operator=(const BlockingDownload&) = delete;

  // Once. Of a 200 the head, without a body; of anything else the whole answer.
  Result<Response> begin(const std::string& target, Deadline deadline);
  // Some of the body (at most a few dozen KiB); "" is its proper end.
  Result<std::string> next(Deadline deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::http
