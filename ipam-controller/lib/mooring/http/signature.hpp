// What the signature of a webhook is made of.
// Threading: pure functions.
// Source: RFC 2104 (HMAC), RFC 4648 (Base64).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mooring::http {

// 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);
// With padding.
std::string base64(std::string_view bytes);
// Nothing if `text` is not Base64 with padding.
std::optional<std::string> base64_decoded(std::string_view text);
// So many bytes from the system's random source.
std::string random_bytes(std::size_t count);

}  // namespace mooring::http
