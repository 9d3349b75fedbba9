#include "cni-plugin/agent_client.hpp"

#include <charconv>
#include <strings.h>

#include <fmt/format.h>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::cni {
namespace {

constexpr std::size_t largest_head = 64 * 1024;
constexpr std::size_t largest_body = 4 * 1024 * 1024;

struct Head {
  int status = 0;
  std::size_t body_size = 0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size();
}

// `text`: status line and header lines, each ended by CR LF.
Result<Head> parse_head(std::string_view text) {
  const Error strange(Errc::unavailable, "the answer is not HTTP/1.1",
                      "is agentSocket really the socket of mooring-agent?");
  Head head;
  if (!text.starts_with("HTTP/1.1 ") || text.size() < 12 || !read_number(text.substr(9, 3), head.status)) {
    return strange;
  }
  bool has_size = head.status == 204;
  std::size_t at = text.find("\r\n");
  while (at != std::string_view::npos && at + 2 < text.size()) {
    const std::string_view rest = text.substr(at + 2);
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    const std::size_t colon = line.find(':');
    if (same_name(line.substr(0, colon), "content-length")) {
      has_size = read_number(trimmed(line.substr(colon + 1)), head.body_size) && head.body_size <= largest_body;
    }
    at = end == std::string_view::npos ? end : at + 2 + end;
  }
  return has_size ? Result<Head>(head) : Result<Head>(strange);
}

Error with_way_out(const Error& error, std::string_view doing) {
  const bool away = error.code() == Errc::unavailable && error.hint().empty();
  return Error(error.code(), fmt::format("{}: {}", doing, error.message()),
               away ? "is the agent running on this node? systemctl status mooring-agent; "
                      "agentSocket in the network configuration names its socket"
                    : error.hint());
}

template <class T>
Result<T> understood(Result<Json> answer, Result<T> (*read)(const Json&)) {
  if (!answer) {
    return answer.error();
  }
  auto value = read(*answer);
  if (!value) {
    // Not the caller's mistake: agent and plugin disagree.
    return Error(Errc::internal, "the agent's answer: " + value.error().message(),
                 "are mooring and mooring-agent of the same or neighbouring versions?");
  }
  return value;
}

}  // namespace

Error AgentClient::explained(const Error& error) const {
  return with_way_out(error, fmt::format("asking mooring-agent at {} ({})", socket_, path_));
}

Result<AgentClient> AgentClient::connect(const std::string& socket, Deadline deadline,
                                         const Interruption& interruption) {
  auto stream = UnixStream::connect(socket, deadline, interruption);
  if (!stream) {
    return with_way_out(stream.error(), "asking mooring-agent");
  }
  return AgentClient(std::move(stream).value(), socket);
}

Result<void> AgentClient::send(std::string_view method, std::string_view path, const Json* body) {
  path_ = path;
  const std::string text = body == nullptr ? std::string() : body->dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: mooring\r\n", method, path);
  if (body != nullptr) {
    request += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", text.size());
  }
  request += "\r\n";
  request += text;
  const auto sent = stream_.write(request);
  return sent ? sent : Result<void>(explained(sent.error()));
}

Result<Json> AgentClient::receive() {
  std::size_t head_size = std::string::npos;
  while ((head_size = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (buffer_.size() > largest_head) {
      return explained(Error(Errc::unavailable, "the answer's head has no end"));
    }
    if (const auto more = stream_.read_more(buffer_); !more) {
      return explained(more.error());
    }
  }
  const auto head = parse_head(std::string_view(buffer_).substr(0, head_size + 2));
  if (!head) {
    return explained(head.error());
  }
  buffer_.erase(0, head_size + 4);
  while (buffer_.size() < head->body_size) {
    if (const auto more = stream_.read_more(buffer_); !more) {
      return explained(more.error());
    }
  }
  const std::string body = buffer_.substr(0, head->body_size);
  buffer_.erase(0, head->body_size);
  if (head->status < 200 || head->status > 299) {
    return ipam_api::error_from_problem(head->status, body);
  }
  if (body.empty()) {
    return Json::object();
  }
  auto json = ipam_api::parse_json("the agent's answer", body);
  return json ? json : Result<Json>(explained(Error(Errc::internal, json.error().message())));
}

Result<void> AgentClient::send_attach(const agent_api::AttachRequest& request) {
  const Json body = agent_api::to_json(request);
  return send("POST", "/v1/attach", &body);
}

Result<agent_api::AttachAnswer> AgentClient::receive_attach() {
  return understood(receive(), &agent_api::attach_answer_from);
}

Result<void> AgentClient::confirm(const agent_api::ConfirmRequest& request) {
  const Json body = agent_api::to_json(request);
  if (const auto sent = send("POST", "/v1/confirm", &body); !sent) {
    return sent;
  }
  const auto answer = receive();
  return answer ? ok() : Result<void>(answer.error());
}

Result<void> AgentClient::send_detach(const agent_api::DetachRequest& request) {
  const Json body = agent_api::to_json(request);
  return send("POST", "/v1/detach", &body);
}

Result<agent_api::DetachAnswer> AgentClient::receive_detach() {
  return understood(receive(), &agent_api::detach_answer_from);
}

Result<agent_api::CheckAnswer> AgentClient::check(const agent_api::CheckRequest& request) {
  const Json body = agent_api::to_json(request);
  if (const auto sent = send("POST", "/v1/check", &body); !sent) {
    return sent.error();
  }
  return understood(receive(), &agent_api::check_answer_from);
}

Result<agent_api::GcAnswer> AgentClient::gc(const agent_api::GcRequest& request) {
  const Json body = agent_api::to_json(request);
  if (const auto sent = send("POST", "/v1/gc", &body); !sent) {
    return sent.error();
  }
  return understood(receive(), &agent_api::gc_answer_from);
}

Result<Json> AgentClient::status() {
  if (const auto sent = send("GET", "/v1/status", nullptr); !sent) {
    return sent.error();
  }
  return receive();
}

Result<agent_api::ReadyAnswer> AgentClient::ready(const agent_api::ReadyRequest& request) {
  const Json body = agent_api::to_json(request);
  if (const auto sent = send("POST", "/v1/ready", &body); !sent) {
    return sent.error();
  }
  return understood(receive(), &agent_api::ready_answer_from);
}

Result<agent_api::DelegatedAnswer> AgentClient::attach_delegated(const agent_api::AttachRequest& request) {
  const Json body = agent_api::to_json(request);
  if (const auto sent = send("POST", "/v1/attach-delegated", &body); !sent) {
    return sent.error();
  }
  return understood(receive(), &agent_api::delegated_answer_from);
}

Result<agent_api::CheckAnswer> AgentClient::check_delegated(const agent_api::DelegatedCheckRequest& request) {
  const Json body = agent_api::to_json(request);
  if (const auto sent = send("POST", "/v1/check-delegated", &body); !sent) {
    return sent.error();
  }
  return understood(receive(), &agent_api::check_answer_from);
}

}  // namespace mooring::cni
