// Asks one server and waits: for programs that live for one question (the CNI plugin, mooringctl).
//
// Contract: one kept connection, opened at the first request; one request at a time. The same repetition rule and
// errors as client.hpp. Deadlines are true: connect, send and every read of the answer are bounded by them. Threading:
// one thread. No thread, no io_context: a socket and poll(2), so that it costs nothing at start. Performance: connect +
// request + answer over a unix socket: four system calls here.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "mooring/base/error.hpp"
#include "mooring/http/deadline.hpp"
#include "mooring/http/endpoint.hpp"
#include "mooring/http/message.hpp"

namespace mooring::http {

class BlockingClient {
 public:
  // `token`: sent as "Authorization: Bearer …" when not empty. A host name in `endpoint` must be resolved() before.
  explicit BlockingClient(Endpoint endpoint, std::string token = {});
  ~BlockingClient();
  BlockingClient(BlockingClient&&) noexcept;
  BlockingClient& operator=(BlockingClient&&) noexcept;

  // `target` is path and query, encoded already. `body` goes out as JSON; "" sends none. `headers` beside the usual
  // ones.
  Result<Response> request(std::string method, std::string target, std::string body, Deadline deadline,
                           const Headers& headers = {});

  // The same in two halves: work of one's own fits between them. Exactly one receive() after each send() that
  // succeeded; another send() drops an answer that was not received.
  Result<void> send(std::string method, std::string target, std::string body, Deadline deadline,
                    const Headers& headers = {});
  Result<Response> receive(Deadline deadline);

  // For answers without an end (the watch stream): after send(), the answer's head with an empty body if its status is
  // 200, else the whole answer; then a line at a time. Errors as LineStream::next_line().
  Result<Response> receive_head(Deadline deadline);
  Result<std::string> next_line(Deadline deadline);
  // The same for a body that is not lines: some bytes of it; "" is its proper end.
  Result<std::string> next_bytes(Deadline deadline);

  const Endpoint& endpoint() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::http
