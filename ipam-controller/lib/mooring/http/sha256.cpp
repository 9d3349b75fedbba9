#include "mooring/http/sha256.hpp"

#include <openssl/evp.h>
#include <stdexcept>

namespace mooring::http {

// Fetched once: looking the algorithm up costs more than hashing a short text.
struct Sha256::Context {
  Context() : algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr)), state(EVP_MD_CTX_new()) {
    if (algorithm == nullptr || state == nullptr) {
      throw std::runtime_error("OpenSSL has no SHA-256");
    }
  }
  ~Context() {
    EVP_MD_CTX_free(state);
    EVP_MD_free(algorithm);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  EVP_MD* algorithm;
  EVP_MD_CTX* state;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;

std::string Sha256::of(std::string_view first, std::string_view second) {
  std::string digest(bytes, '\0');
  unsigned size = 0;
  EVP_MD_CTX* state = context_->state;
  const bool fine = EVP_DigestInit_ex2(state, context_->algorithm, nullptr) == 1 &&
                    EVP_DigestUpdate(state, first.data(), first.size()) == 1 &&
                    EVP_DigestUpdate(state, second.data(), second.size()) == 1 &&
                    EVP_DigestFinal_ex(state, reinterpret_cast<unsigned char*>(digest.data()), &size) == 1;
  if (!fine || size != bytes) {
    throw std::runtime_error("OpenSSL refuses SHA-256");
  }
  return digest;
}

}  // namespace mooring::http
