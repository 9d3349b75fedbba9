#include "cni-plugin/ovsdb_client.hpp"

#include <fmt/format.h>

namespace mooring::cni {
namespace {

constexpr std::size_t largest_message = 64 * 1024 * 1024;
constexpr std::string_view unix_prefix = "unix:";

Error explained(const Error& error, const std::string& endpoint) {
  const bool away = error.code() == Errc::unavailable && error.hint().empty();
  return Error(error.code(), fmt::format("asking Open vSwitch at {}: {}", endpoint, error.message()),
               away ? "is Open vSwitch running on this node? systemctl status openvswitch-switch" : error.hint());
}

std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

std::size_t end_of_json(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0)) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

std::optional<TransactionFailure> failure_of(const Json& results) {
  if (!results.is_array()) {  // RFC 7047, 4.1.3
    return TransactionFailure{0, "protocol error", "ovsdb-server's result is no list"};
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Json& result = results[i];
    if (result.is_object() && result.contains("error")) {
      return TransactionFailure{i, text_of(result, "error"), text_of(result, "details")};
    }
  }
  return std::nullopt;
}

Result<OvsdbClient> OvsdbClient::connect(const std::string& endpoint, Deadline deadline,
                                         const Interruption& interruption) {
  if (!endpoint.starts_with(unix_prefix)) {
    return Error(Errc::unsupported, fmt::format("asking Open vSwitch at {}: not a unix socket", endpoint),
                 "unix:/run/openvswitch/db.sock, or wherever ovsdb-server listens on this node");
  }
  auto stream = UnixStream::connect(endpoint.substr(unix_prefix.size()), deadline, interruption);
  if (!stream) {
    return explained(stream.error(), endpoint);
  }
  return OvsdbClient(std::move(stream).value(), endpoint);
}

Result<void> OvsdbClient::send_transaction(const Json& operations) {
  Json parameters = Json::array({"Open_vSwitch"});
  for (const Json& operation : operations) {
    parameters.push_back(operation);
  }
  const Json request = {{"method", "transact"}, {"params", std::move(parameters)}, {"id", ++last_id_}};
  const auto sent = stream_.write(request.dump(-1, ' ', false, Json::error_handler_t::replace));
  return sent ? sent : Result<void>(explained(sent.error(), endpoint_));
}

Result<Json> OvsdbClient::receive_message() {
  std::size_t end = std::string::npos;
  while ((end = end_of_json(buffer_)) == std::string::npos) {
    if (buffer_.size() > largest_message) {
      return Error(Errc::unavailable, "a message without an end", "is that really the socket of ovsdb-server?");
    }
    if (const auto more = stream_.read_more(buffer_); !more) {
      return more.error();
    }
  }
  const std::string text = buffer_.substr(0, end);
  buffer_.erase(0, end);
  auto message = ipam_api::parse_json("OVSDB's message", text);
  if (!message || !message->is_object()) {
    return Error(Errc::unavailable, "its message is not a JSON object", "is that really the socket of ovsdb-server?");
  }
  return message;
}

Result<Json> OvsdbClient::receive_results() {
  while (true) {
    auto message = receive_message();
    if (!message) {
      return explained(message.error(), endpoint_);
    }
    Json& json = *message;
    if (text_of(json, "method") == "echo") {
      // A server that gets no echo back drops the connection.
      const Json reply = {{"id", json["id"]}, {"result", json["params"]}, {"error", nullptr}};
      if (const auto sent = stream_.write(reply.dump()); !sent) {
        return explained(sent.error(), endpoint_);
      }
    } else if (json.contains("id") && json["id"] == last_id_) {
      if (json.contains("result") && json["result"].is_array()) {
        return std::move(json["result"]);
      }
      return Error(Errc::io, fmt::format("asking Open vSwitch at {}: the transaction was refused: {}", endpoint_,
                                         json.value("error", Json()).dump()));
    }
  }
}

Result<Json> OvsdbClient::transact(const Json& operations) {
  if (const auto sent = send_transaction(operations); !sent) {
    return sent.error();
  }
  return receive_results();
}

}  // namespace mooring::cni
