// A real TLS server for tests: certificates made here, one thread, HTTP with Content-Length.
//
// Threading: the answer function runs on the server's thread.
#pragma once

#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace mooring::tests {

namespace asio = boost::asio;

// FOLDER/NAME.pem and FOLDER/NAME.key: self-signed, so that the certificate is its own CA. `names` like
// "DNS:localhost,IP:127.0.0.1". Throws when it cannot be made.
inline void make_certificate(const std::string& folder, const std::string& name, const std::string& names,
                             bool expired = false) {
  const auto need = [&](bool fine, const char* step) {
    if (!fine) {
      throw std::runtime_error("making the certificate " + name + ": " + step + " failed");
    }
  };
  constexpr long day_seconds = 86400;
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), &X509_free);
  need(key && made, "EVP_EC_gen");
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -2 * day_seconds);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), expired ? -day_seconds : 2 * day_seconds);
  X509_NAME* const subject = X509_get_subject_name(made.get());
  const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
  need(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1, "its name");
  need(X509_set_issuer_name(made.get(), subject) == 1 && X509_set_pubkey(made.get(), key.get()) == 1, "its key");
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, made.get(), made.get(), nullptr, nullptr, 0);
  for (const auto& [what, value] :
       {std::pair(NID_basic_constraints, std::string("critical,CA:TRUE")),
        std::pair(NID_subject_key_identifier, std::string("hash")), std::pair(NID_subject_alt_name, names)}) {
    const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()), &X509_EXTENSION_free);
    need(extension && X509_add_ext(made.get(), extension.get(), -1) == 1, "an extension");
  }
  need(X509_sign(made.get(), key.get(), EVP_sha256()) != 0, "signing it");
  using File = std::unique_ptr<FILE, int (*)(FILE*)>;
  const File certificate(std::fopen((folder + "/" + name + ".pem").c_str(), "w"), &std::fclose);
  const File secret(std::fopen((folder + "/" + name + ".key").c_str(), "w"), &std::fclose);
  need(certificate && PEM_write_X509(certificate.get(), made.get()) == 1, "writing it");
  need(secret && PEM_write_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
       "writing its key");
}

class TlsServer {
 public:
  // Gets a request whole (head and body), gives back an answer whole.
  using Answer = std::function<std::string(const std::string& request)>;

  // With the certificate FOLDER/NAME.pem, on a free port of 127.0.0.1.
  TlsServer(const std::string& folder, const std::string& name, Answer answer)
      : answer_(std::move(answer)), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    context_.use_certificate_chain_file(folder + "/" + name + ".pem");
    context_.use_private_key_file(folder + "/" + name + ".key", asio::ssl::context::pem);
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~TlsServer() {
    io_.stop();
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return port_; }
  // Connections whose handshake succeeded.
  int connections() const { return connections_; }

 private:
  using Stream = asio::ssl::stream<asio::ip::tcp::socket>;
  static constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};

  asio::awaitable<void> accept() {
    while (true) {
      auto [failure, socket] = co_await acceptor_.async_accept(as_result);
      if (failure) {
        co_return;
      }
      auto stream = std::make_shared<Stream>(std::move(socket), context_);
      asio::co_spawn(io_, serve(std::move(stream)), asio::detached);
    }
  }

  asio::awaitable<void> serve(std::shared_ptr<Stream> stream) {
    const auto [refused] = co_await stream->async_handshake(asio::ssl::stream_base::server, as_result);
    if (refused) {
      co_return;
    }
    ++connections_;
    std::string input;
    while (true) {
      auto dynamic = asio::dynamic_buffer(input);
      const auto [head_failure, head] = co_await asio::async_read_until(*stream, dynamic, "\r\n\r\n", as_result);
      if (head_failure) {
        co_return;
      }
      const auto at = input.find("Content-Length: ");
      const std::size_t body = at == std::string::npos || at > head ? 0 : std::stoul(input.substr(at + 16));
      if (input.size() < head + body) {
        const auto rest = asio::transfer_exactly(head + body - input.size());
        const auto [body_failure, count] = co_await asio::async_read(*stream, dynamic, rest, as_result);
        if (body_failure) {
          co_return;
        }
      }
      const std::string text = answer_(input.substr(0, head + body));
      input.erase(0, head + body);
      const auto [write_failure, written] = co_await asio::async_write(*stream, asio::buffer(text), as_result);
      if (write_failure || text.find("Connection: close") != std::string::npos) {
        co_return;  // without TLS's goodbye
      }
    }
  }

  asio::io_context io_{1};
  asio::ssl::context context_{asio::ssl::context::tls_server};
  Answer answer_;
  asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace mooring::tests
