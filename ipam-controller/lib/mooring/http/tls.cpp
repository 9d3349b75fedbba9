#include "mooring/http/tls.hpp"

#include <arpa/inet.h>
#include <fstream>
#include <openssl/x509_vfy.h>
#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "mooring/http/tls_stream.hpp"

namespace mooring::http {
namespace {

bool is_address(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 || inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

// OpenSSL says "certificate verify failed"; the reader wants to know what is wrong with it.
std::string cause_of(const IoError& failure, SSL* ssl) {
  const long verdict = SSL_get_verify_result(ssl);
  std::string cause = failure.message();
  if (const auto bracket = cause.find(" ("); bracket != std::string::npos) {
    cause.resize(bracket);  // "(SSL routines)"
  }
  return verdict == X509_V_OK ? cause : fmt::format("{}: {}", cause, X509_verify_cert_error_string(verdict));
}

}  // namespace

struct TlsTrust::Context {
  asio::ssl::context ssl{asio::ssl::context::tls_client};
};

TlsTrust::TlsTrust(std::unique_ptr<Context> context) : context_(std::move(context)) {}
TlsTrust::~TlsTrust() = default;

Result<std::shared_ptr<const TlsTrust>> TlsTrust::load(const std::string& ca_file) {
  auto made = std::make_unique<Context>();
  IoError failure;
  made->ssl.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                            asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                            asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                        failure);
  if (!failure) {
    made->ssl.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, failure);
  }
  if (!failure) {
    made->ssl.set_default_verify_paths(failure);
  }
  if (failure) {
    return Error(Errc::invalid_config, fmt::format("opening the system's store of CAs: {}", failure.message()));
  }
  if (!ca_file.empty()) {
    if (!std::ifstream(ca_file)) {
      return Error(Errc::invalid_config, fmt::format("reading the CA file {}: it cannot be opened", ca_file));
    }
    made->ssl.load_verify_file(ca_file, failure);
    if (failure) {
      return Error(Errc::invalid_config, fmt::format("reading the CA file {}: {}", ca_file, failure.message()),
                   "it holds one or more certificates in PEM form (-----BEGIN CERTIFICATE-----)");
    }
  }
  return std::shared_ptr<const TlsTrust>(std::make_shared<TlsTrust>(std::move(made)));
}

struct TlsStream::Stream {
  Stream(Socket& socket, std::shared_ptr<const TlsTrust> trust_)
      : trust(std::move(trust_)), tls(socket, trust->context().ssl) {}
  std::shared_ptr<const TlsTrust> trust;
  asio::ssl::stream<Socket&> tls;
  bool named = false;
};

TlsStream::TlsStream(Socket& socket, std::shared_ptr<const TlsTrust> trust, const std::string& host)
    : stream_(std::make_unique<Stream>(socket, std::move(trust))) {
  SSL* ssl = stream_->tls.native_handle();
  if (is_address(host)) {
    stream_->named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    stream_->named =
        SSL_set1_host(ssl, host.c_str()) == 1 &&
        // What SSL_set_tlsext_host_name is, without its cast.
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) == 1;
  }
}

TlsStream::~TlsStream() = default;

asio::awaitable<std::pair<IoError, std::string>> TlsStream::handshake() {
  std::pair<IoError, std::string> outcome;
  if (!stream_->named) {
    outcome.first = asio::error::invalid_argument;
    outcome.second = "its name cannot be in a certificate";
    co_return outcome;
  }
  const auto [failure] = co_await stream_->tls.async_handshake(asio::ssl::stream_base::client, as_result);
  outcome.first = failure;
  if (failure) {
    outcome.second = cause_of(failure, stream_->tls.native_handle());
  }
  co_return outcome;
}

asio::awaitable<IoError> TlsStream::write(asio::const_buffer bytes) {
  const auto [failure, ignored] = co_await asio::async_write(stream_->tls, bytes, as_result);
  co_return failure;
}

asio::awaitable<std::pair<IoError, std::size_t>> TlsStream::read_some(asio::mutable_buffer room) {
  const auto [failure, count] = co_await stream_->tls.async_read_some(room, as_result);
  std::pair<IoError, std::size_t> outcome(failure, count);
  co_return outcome;
}

}  // namespace mooring::http
