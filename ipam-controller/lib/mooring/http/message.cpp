#include "mooring/http/message.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace mooring::http {
namespace {

bool same_name(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

std::string_view find(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) {
      return value;
    }
  }
  return {};
}

// This library knows no JSON; these few texts are all that it writes itself.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      // Latin-1 reading of bytes that may not be UTF-8: a message must never make the document invalid.
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

}  // namespace

std::string Peer::str() const {
  return unix_socket ? fmt::format("pid {} uid {}", pid, uid) : address;
}

std::string_view Request::header(std::string_view lower_case_name) const {
  return find(headers, lower_case_name);
}

std::string_view Request::parameter(std::string_view name) const {
  const auto found = query.find(std::string(name));
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

std::string_view Request::bearer_token() const {
  constexpr std::string_view scheme = "bearer ";
  const std::string_view value = header("authorization");
  if (value.size() <= scheme.size() || !same_name(value.substr(0, scheme.size()), scheme)) {
    return {};
  }
  return value.substr(scheme.size());
}

std::string_view Response::header(std::string_view lower_case_name) const {
  return find(headers, lower_case_name);
}

Response json(int status, std::string body) {
  return Response(status, "application/json", std::move(body));
}

Response text(int status, std::string body) {
  return Response(status, "text/plain; charset=utf-8", std::move(body));
}

Response problem(const Error& error) {
  const ErrcInfo& row = error.info();
  std::string body = fmt::format(R"({{"type":"about:blank#{0}","title":"{0}","status":{1},"detail":{2})", row.id,
                                 row.http_status, quoted(error.message()));
  if (!error.hint().empty()) {
    body += ",\"hint\":" + quoted(error.hint());
  }
  return Response(row.http_status, "application/problem+json", body + '}');
}

bool same_secret(std::string_view left, std::string_view right) {
  if (left.size() != right.size() || left.empty()) {
    return false;
  }
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (left[i] ^ right[i]));
  }
  return difference == 0;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return Error(Errc::invalid_argument,
                   fmt::format("decoding \"{}\": '%' at {} is not followed by two hexadecimal digits", text, i));
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace mooring::http
