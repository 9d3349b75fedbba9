// HTTP/1.1 on bytes: no I/O, no clock. Internal to this library; Boost.Beast's parser is behind it (wire.cpp).
//
// Threading: one thread.
// Source: RFC 9112 (framing), RFC 9110 (Expect: 100-continue).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/base/error.hpp"
#include "mooring/http/message.hpp"

namespace mooring::http::wire {

// Bytes received and not yet parsed. Room is kept, so that a connection allocates once.
class InputBuffer {
 public:
  std::string_view bytes() const { return {storage_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) {
      begin_ = end_ = 0;
    }
  }
  // Room for at least `count` bytes, to be filled and told by added().
  char* room(std::size_t count);
  std::size_t room_size() const { return storage_.size() - end_; }
  void added(std::size_t count) { end_ += count; }
  void clear() { begin_ = end_ = 0; }

 private:
  std::vector<char> storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Reads one request after another: feed() until done(), take(), and again.
class RequestReader {
 public:
  RequestReader(std::size_t header_bytes, std::size_t body_bytes);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // How many bytes were taken: fewer than given when the request ends before them, or when a header is not whole yet
  // (feed them again with more behind). Errors: invalid_argument, too_large; the connection cannot go on after one.
  Result<std::size_t> feed(std::string_view bytes);
  bool done() const;
  // Once the header is whole: the body's announced length, or what came of it if that is more; else 0.
  std::size_t body_bytes() const;
  // The request without its body, once the header is whole.
  Result<Request> head() const;
  bool keep_alive() const;
  // True once for each request whose client waits for "100 Continue" before it sends the body.
  bool wants_continue();
  // The request, without peer. Ready for the next one after it.
  Result<Request> take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads one answer after another. The body of a 200 that comes in chunks can be taken out while it grows (lines()).
class ResponseReader {
 public:
  explicit ResponseReader(std::size_t body_bytes);
  ~ResponseReader();
  ResponseReader(ResponseReader&&) noexcept;
  ResponseReader& operator=(ResponseReader&&) noexcept;

  // Begins a new answer. `endless`: no bound for its body (its reader bounds what it leaves in lines()).
  void start(bool endless);
  // As RequestReader::feed(). Errors: unavailable (the peer does not speak HTTP), too_large.
  Result<std::size_t> feed(std::string_view bytes);
  // The peer has closed: true if that is a proper end of this answer.
  bool finish();
  bool header_done() const;
  bool done() const;
  bool keep_alive() const;
  int status() const;
  // Status and headers, once they are whole.
  Response head() const;
  // The same and the body as far as it came.
  Response take();
  // The chunked body so far; its reader erases what it took.
  std::string& lines();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A whole request. `token` becomes "Authorization: Bearer …" unless empty.
std::string request_text(std::string_view method, std::string_view target, std::string_view authority,
                         std::string_view token, const Headers& headers, std::string_view body);
// A whole answer, Content-Length included.
std::string response_text(const Response& response, bool keep_alive);
// The head of a chunked answer after which the connection closes.
std::string stream_head_text(int status, std::string_view content_type, const Headers& headers);
// "1a\r\n"
std::string chunk_head_text(std::size_t bytes);
inline constexpr std::string_view chunk_tail_text = "\r\n";
inline constexpr std::string_view last_chunk_text = "0\r\n\r\n";
inline constexpr std::string_view continue_text = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace mooring::http::wire
