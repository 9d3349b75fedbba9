#include "mooring/http/wire.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

// Beast 1.81 asserts that five bytes are there when it comes back to the last chunk ("0", CR, LF). A peer whose trailer
// comes in small pieces would end the process by that; what is read there was looked at before.
#define BOOST_DISABLE_ASSERTS
#include <boost/assert.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#undef BOOST_DISABLE_ASSERTS
#include <boost/assert.hpp>

namespace mooring::http::wire {
namespace {

namespace beast = boost::beast;
using BeastError = boost::system::error_code;

bool is_size_error(const BeastError& failure) {
  return failure == beast::http::error::header_limit || failure == beast::http::error::body_limit ||
         failure == beast::http::error::buffer_overflow;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

template <class Fields>
Headers headers_of(const Fields& fields) {
  Headers headers;
  for (const auto& field : fields) {
    headers.emplace_back(lower(field.name_string()), std::string(field.value()));
  }
  return headers;
}

void append_headers(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers) {
    out += name;
    out += ": ";
    // A line break in a value would let its author write headers of his own.
    std::copy_if(value.begin(), value.end(), std::back_inserter(out), [](char c) { return c != '\r' && c != '\n'; });
    out += "\r\n";
  }
}

std::string status_line(int status) {
  const auto reason = beast::http::obsolete_reason(static_cast<beast::http::status>(status));
  return fmt::format("HTTP/1.1 {} {}\r\n", status, std::string_view(reason.data(), reason.size()));
}

Result<std::string> form_decoded(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return percent_decoded(plain);
}

// Splits "/path?name=value&…".
Result<void> read_target(std::string_view target, Request& request) {
  if (!target.starts_with('/')) {
    return Error(Errc::invalid_argument,
                 fmt::format("reading an HTTP request: its target \"{}\" does not start with '/'", target));
  }
  const std::size_t mark = target.find('?');
  auto path = percent_decoded(target.substr(0, mark));
  if (!path) {
    return path.error();
  }
  request.path = std::move(path).value();
  std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    auto name = form_decoded(pair.substr(0, equals));
    auto value = form_decoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    if (!name) {
      return name.error();
    }
    if (!value) {
      return value.error();
    }
    request.query[std::move(name).value()] = std::move(value).value();
  }
  return ok();
}

// Beast takes what it can and says need_more when it wants the rest again with more behind it: no error.
template <class Parser>
std::size_t feed_parser(Parser& parser, std::string_view bytes, BeastError& failure) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.is_done()) {
    const std::size_t count =
        parser.put(boost::asio::const_buffer(bytes.data() + taken, bytes.size() - taken), failure);
    taken += count;
    if (failure == beast::http::error::need_more) {
      failure = {};
      break;
    }
    if (failure || count == 0) {
      break;
    }
  }
  return taken;
}

}  // namespace

char* InputBuffer::room(std::size_t count) {
  if (storage_.size() - end_ < count) {
    if (begin_ > 0) {
      std::copy(storage_.begin() + static_cast<std::ptrdiff_t>(begin_),
                storage_.begin() + static_cast<std::ptrdiff_t>(end_), storage_.begin());
      end_ -= begin_;
      begin_ = 0;
    }
    if (storage_.size() - end_ < count) {
      storage_.resize(std::max(end_ + count, storage_.size() * 2));
    }
  }
  return storage_.data() + end_;
}

class RequestReader::Impl {
 public:
  Impl(std::size_t header_bytes, std::size_t body_bytes) : header_bytes_(header_bytes), body_bytes_(body_bytes) {
    restart();
  }
  void restart() {
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(static_cast<std::uint32_t>(header_bytes_));
    parser_->body_limit(body_bytes_);
    continue_seen_ = false;
  }

  std::size_t header_bytes_;
  std::size_t body_bytes_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  bool continue_seen_ = false;
};

RequestReader::RequestReader(std::size_t header_bytes, std::size_t body_bytes)
    : impl_(std::make_unique<Impl>(header_bytes, body_bytes)) {}
RequestReader::~RequestReader() = default;

Result<std::size_t> RequestReader::feed(std::string_view bytes) {
  BeastError failure;
  const std::size_t taken = feed_parser(*impl_->parser_, bytes, failure);
  if (!failure) {
    return taken;
  }
  if (is_size_error(failure)) {
    return Error(Errc::too_large, fmt::format("reading an HTTP request: {} (headers: {} bytes, body: {} bytes)",
                                              failure.message(), impl_->header_bytes_, impl_->body_bytes_));
  }
  return Error(Errc::invalid_argument, fmt::format("reading an HTTP request: {}", failure.message()));
}

std::size_t RequestReader::body_bytes() const {
  if (!impl_->parser_->is_header_done()) {
    return 0;
  }
  const auto announced = impl_->parser_->content_length();
  return std::max<std::size_t>(impl_->parser_->get().body().size(), announced ? *announced : 0);
}

Result<Request> RequestReader::head() const {
  const auto& message = impl_->parser_->get();
  Request request;
  request.method = std::string(message.method_string());
  request.headers = headers_of(message);
  if (const auto target = read_target(std::string_view(message.target().data(), message.target().size()), request);
      !target) {
    return target.error();
  }
  return request;
}

bool RequestReader::done() const {
  return impl_->parser_->is_done();
}

bool RequestReader::keep_alive() const {
  return impl_->parser_->get().keep_alive();
}

bool RequestReader::wants_continue() {
  if (impl_->continue_seen_ || !impl_->parser_->is_header_done() || impl_->parser_->is_done()) {
    return false;
  }
  impl_->continue_seen_ = true;
  return beast::iequals(impl_->parser_->get()[beast::http::field::expect], "100-continue");
}

Result<Request> RequestReader::take() {
  auto& message = impl_->parser_->get();
  Request request;
  request.method = std::string(message.method_string());
  auto target = read_target(std::string_view(message.target().data(), message.target().size()), request);
  request.headers = headers_of(message);
  request.body = std::move(message.body());
  impl_->restart();
  if (!target) {
    return target.error();
  }
  return request;
}

class ResponseReader::Impl {
 public:
  explicit Impl(std::size_t body_bytes) : body_bytes_(body_bytes) {}

  void restart(bool endless) {
    endless_ = endless;
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(64 * 1024);
    if (endless) {
      parser_->body_limit(boost::none);
    } else {
      parser_->body_limit(body_bytes_);
    }
    parser_->on_chunk_body(keep_chunk_);
    chunked_.clear();
  }

  std::size_t held_bytes() const { return chunked_.size() + parser_->get().body().size(); }

  std::size_t body_bytes_;
  bool endless_ = false;
  std::string chunked_;
  // A member, because the parser keeps a reference.
  std::function<std::size_t(std::uint64_t, beast::string_view, BeastError&)> keep_chunk_ =
      [this](std::uint64_t, beast::string_view part, BeastError&) {
        chunked_.append(part.data(), part.size());
        return part.size();
      };
  std::optional<beast::http::response_parser<beast::http::string_body>> parser_;
};

ResponseReader::ResponseReader(std::size_t body_bytes) : impl_(std::make_unique<Impl>(body_bytes)) {
  impl_->restart(false);
}
ResponseReader::~ResponseReader() = default;
ResponseReader::ResponseReader(ResponseReader&&) noexcept = default;
ResponseReader& ResponseReader::operator=(ResponseReader&&) noexcept = default;

void ResponseReader::start(bool endless) {
  impl_->restart(endless);
}

Result<std::size_t> ResponseReader::feed(std::string_view bytes) {
  BeastError failure;
  const std::size_t taken = feed_parser(*impl_->parser_, bytes, failure);
  // Only a stream is endless; its refusal is a document like any other.
  if (!failure && impl_->endless_ && header_done() && status() != 200 && impl_->held_bytes() > impl_->body_bytes_) {
    failure = beast::http::error::body_limit;
  }
  if (!failure) {
    return taken;
  }
  if (is_size_error(failure)) {
    return Error(Errc::too_large,
                 fmt::format("reading the answer: {} (limit {} bytes)", failure.message(), impl_->body_bytes_));
  }
  return Error(Errc::unavailable, fmt::format("reading the answer: {}", failure.message()));
}

bool ResponseReader::finish() {
  if (!impl_->parser_->got_some()) {
    return false;
  }
  BeastError failure;
  impl_->parser_->put_eof(failure);
  return !failure && impl_->parser_->is_done();
}

bool ResponseReader::header_done() const {
  return impl_->parser_->is_header_done();
}

bool ResponseReader::done() const {
  return impl_->parser_->is_done();
}

bool ResponseReader::keep_alive() const {
  return impl_->parser_->get().keep_alive();
}

int ResponseReader::status() const {
  return static_cast<int>(impl_->parser_->get().result_int());
}

Response ResponseReader::take() {
  auto& message = impl_->parser_->get();
  Response response;
  response.status = status();
  const auto type = message[beast::http::field::content_type];
  response.content_type = std::string(type.data(), type.size());
  response.headers = headers_of(message);
  response.body = impl_->chunked_.empty() ? std::move(message.body()) : std::move(impl_->chunked_);
  impl_->chunked_.clear();
  return response;
}

std::string& ResponseReader::lines() {
  return impl_->chunked_;
}

std::string request_text(std::string_view method, std::string_view target, std::string_view authority,
                         std::string_view token, const Headers& headers, std::string_view body) {
  std::string out;
  out.reserve(256 + body.size());
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(authority).append("\r\n");
  if (!token.empty()) {
    out.append("Authorization: Bearer ").append(token).append("\r\n");
  }
  append_headers(out, headers);
  if (!body.empty()) {
    out.append("Content-Type: application/json\r\n");
  }
  if (!body.empty() || (method != "GET" && method != "DELETE")) {
    out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  return out.append("\r\n").append(body);
}

std::string response_text(const Response& response, bool keep_alive) {
  std::string out = status_line(response.status);
  out.reserve(256 + response.body.size());
  if (!response.content_type.empty()) {
    out.append("Content-Type: ").append(response.content_type).append("\r\n");
  }
  append_headers(out, response.headers);
  if (!keep_alive) {
    out.append("Connection: close\r\n");
  }
  // RFC 9110, 8.6: an answer 204 must not carry a length, and one of 304 would have to be that of the answer 200.
  const bool bodyless = response.status == 204 || response.status == 304;
  if (!bodyless) {
    out.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  }
  return out.append("\r\n").append(bodyless ? std::string() : response.body);
}

std::string stream_head_text(int status, std::string_view content_type, const Headers& headers) {
  std::string out = status_line(status);
  out.append("Content-Type: ").append(content_type).append("\r\n");
  append_headers(out, headers);
  return out.append("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

std::string chunk_head_text(std::size_t bytes) {
  return fmt::format("{:x}\r\n", bytes);
}

}  // namespace mooring::http::wire
