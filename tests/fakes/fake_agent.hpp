// An agent for tests of the CNI plugin: answers on a real unix socket as docs/api/agent.md says, remembers what it was
// asked, and misbehaves when told to.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "mooring/agent_api/messages.hpp"
#include "mooring/netlink/netns.hpp"

namespace mooring::tests {

using ipam_api::Json;

class FakeAgent {
 public:
  struct Call {
    std::string path;  // "/v1/attach"
    Json body;
  };
  struct Answer {
    int status = 200;
    std::string body = "{}";
    bool hang = false;     // says nothing until the agent ends or the caller goes
    bool hang_up = false;  // closes instead of answering
    std::string raw;       // sent instead of an HTTP answer
  };
  using Reply = std::function<Answer(const Json& body)>;

  explicit FakeAgent(std::string socket) : socket_(std::move(socket)) {
    listener_ = netlink::FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(socket_.c_str());
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 64) != 0) {
      throw std::runtime_error("the fake agent cannot listen on " + socket_);
    }
    for (const char* path : {"/v1/confirm", "/v1/detach", "/v1/check", "/v1/status"}) {
      replies_[path] = [](const Json&) { return Answer{}; };
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeAgent() {
    ending_ = true;
    thread_.join();
    for (std::thread& connection : connections_) {
      connection.join();
    }
    ::unlink(socket_.c_str());
  }
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;

  const std::string& socket() const { return socket_; }
  void reply(const std::string& path, Reply reply) {
    const std::lock_guard lock(mutex_);
    replies_[path] = std::move(reply);
  }
  void fail(const std::string& path, const Error& error) {
    reply(path, [error](const Json&) {
      return Answer{error.info().http_status, ipam_api::problem_from(error).dump(), false, false, {}};
    });
  }
  std::vector<Call> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  // Paths in order: "/v1/attach /v1/confirm".
  std::string story() const {
    std::string text;
    for (const Call& call : calls()) {
      text += (text.empty() ? "" : " ") + call.path;
    }
    return text;
  }

 private:
  bool readable(int fd) const {
    while (!ending_) {
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, 20) > 0) {
        return true;
      }
    }
    return false;
  }

  void serve() {
    while (readable(listener_.get())) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        connections_.emplace_back([this, fd] { converse(netlink::FileDescriptor(fd)); });
      }
    }
  }

  void converse(netlink::FileDescriptor connection) {
    std::string buffer;
    while (true) {
      std::size_t head = 0;
      std::size_t size = 0;
      while ((head = buffer.find("\r\n\r\n")) == std::string::npos || buffer.size() < head + 4 + size_in(buffer)) {
        char chunk[4096];
        const ssize_t got = readable(connection.get()) ? ::recv(connection.get(), chunk, sizeof chunk, 0) : 0;
        if (got <= 0) {
          return;
        }
        buffer.append(chunk, static_cast<std::size_t>(got));
      }
      size = size_in(buffer);
      const std::string line = buffer.substr(0, buffer.find("\r\n"));
      const std::string path = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
      const Json body = size == 0 ? Json() : Json::parse(buffer.substr(head + 4, size));
      buffer.erase(0, head + 4 + size);
      const Answer answer = answer_to(path, body);
      if (answer.hang) {
        readable(connection.get());
        return;
      }
      if (answer.hang_up) {
        return;
      }
      const std::string text = answer.raw.empty() ? "HTTP/1.1 " + std::to_string(answer.status) +
                                                        " X\r\ncontent-length: " + std::to_string(answer.body.size()) +
                                                        "\r\n\r\n" + answer.body
                                                  : answer.raw;
      if (::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) {
        return;
      }
    }
  }

  static std::size_t size_in(const std::string& request) {
    const std::size_t at = request.find("Content-Length: ");
    return at == std::string::npos || at > request.find("\r\n\r\n") ? 0 : std::stoul(request.substr(at + 16));
  }

  Answer answer_to(const std::string& path, const Json& body) {
    Reply reply;
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back({path, body});
      const auto it = replies_.find(path);
      if (it == replies_.end()) {
        return Answer{404, "{}", false, false, {}};
      }
      reply = it->second;
    }
    return reply(body);
  }

  std::string socket_;
  netlink::FileDescriptor listener_;
  std::atomic<bool> ending_ = false;
  mutable std::mutex mutex_;
  std::map<std::string, Reply> replies_;
  std::vector<Call> calls_;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

}  // namespace mooring::tests
