// Whom a client trusts when it dials https: TLS 1.2 or newer, the server's certificate verified up to a trusted CA, its
// name compared with the URL's host (a name, or an address in the certificate's IP entries).
//
// Threading: unchanging after load(); shared by any number of clients of one thread.
// Source: RFC 9110, 4.3.4; RFC 6125. OpenSSL is behind it (tls.cpp), known to no other file.
#pragma once

#include <memory>
#include <string>

#include "mooring/base/error.hpp"

namespace mooring::http {

class TlsTrust {
 public:
  // The system's CA store, and the PEM certificates of `ca_file` too unless it is "". Errors name the file:
  // invalid_config.
  static Result<std::shared_ptr<const TlsTrust>> load(const std::string& ca_file);

  struct Context;  // tls.cpp
  explicit TlsTrust(std::unique_ptr<Context> context);
  ~TlsTrust();
  TlsTrust(const TlsTrust&) = delete;
  TlsTrust& operator=(const TlsTrust&) = delete;
  Context& context() const { return *context_; }

 private:
  std::unique_ptr<Context> context_;
};

}  // namespace mooring::http
