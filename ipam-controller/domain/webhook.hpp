// What a webhook must be like.
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "ipam-controller/domain/objects.hpp"

namespace mooring::controller {

inline constexpr std::size_t max_webhooks = 100;
inline constexpr std::string_view webhook_secret_prefix = "whsec_";

// 16 to 256 visible ASCII characters; behind "whsec_" Base64 of at least 16 bytes.
Result<void> check_webhook_secret(std::string_view secret);
// That its URL can be dialled, each pattern matches a type of event, and the secret is one. Errors name the field.
Result<void> check_webhook(const Webhook& webhook);

}  // namespace mooring::controller
