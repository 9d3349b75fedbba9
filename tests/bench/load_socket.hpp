// The client side of HTTP over a unix socket, as cheap as it can be: the bench shares two processors with the program
// that it measures. Neither end waits: what comes is read when epoll says so.
//
// Errors: std::runtime_error with what was done and why it failed; Lost when the other end is gone.
// Threading: one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mooring::bench {

using Clock = std::chrono::steady_clock;

// The peer closed the connection, or nobody listens.
class Lost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Socket {
 public:
  explicit Socket(const std::string& path);  // connects; throws Lost
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  void send(std::string_view bytes);
  // What there is, at most; empty: nothing yet. Throws Lost at the end.
  std::string_view receive();

 private:
  int fd_ = -1;
};

struct Answer {
  int status = 0;
  std::string_view body;  // until the next call
};

// One request at a time, kept alive.
class Client {
 public:
  explicit Client(const std::string& path) : socket_(path) {}
  int fd() const { return socket_.fd(); }
  void ask(std::string_view method, std::string_view target, std::string_view body);
  // Nothing while the answer is not whole.
  std::optional<Answer> read();
  // Waits for it.
  Answer call(std::string_view method, std::string_view target, std::string_view body = {});

 private:
  Socket socket_;
  std::string request_, input_;
};

// A watch stream: takes the chunks apart and hands out whole lines, without their newline.
class LineStream {
 public:
  LineStream(const std::string& path, std::string_view target);
  int fd() const { return socket_.fd(); }
  // Reads what there is; throws Lost at the end of the stream.
  void read(const std::function<void(std::string_view line)>& each);

 private:
  void take(std::string_view bytes, const std::function<void(std::string_view line)>& each);
  enum class Part { head, size, data, tail };

  Socket socket_;
  Part part_ = Part::head;
  std::string head_;      // of the answer, or of a chunk, as far as it came
  std::string line_;      // as far as it came
  std::size_t left_ = 0;  // of the chunk
};

class Epoll {
 public:
  Epoll();
  ~Epoll();
  Epoll(const Epoll&) = delete;
  Epoll& operator=(const Epoll&) = delete;
  void add(int fd, std::uint64_t tag);  // a closed descriptor leaves by itself
  // The tags of what can be read, after at most that long.
  const std::vector<std::uint64_t>& wait(std::chrono::microseconds patience);

 private:
  int fd_ = -1;
  std::vector<std::uint64_t> ready_;
};

// The number behind `"name":` in compact JSON; 0 if it is not there.
std::uint64_t number_in(std::string_view json, std::string_view name);
// The string behind `"name":"`; "" if it is not there.
std::string_view text_in(std::string_view json, std::string_view name);

}  // namespace mooring::bench
