// SHA-256, for chains of records.
// Threading: one thread for each object. Source: FIPS 180-4.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace mooring::http {

class Sha256 {
 public:
  static constexpr std::size_t bytes = 32;

  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // 32 raw bytes: the digest of one text behind the other.
  std::string of(std::string_view first, std::string_view second);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace mooring::http
