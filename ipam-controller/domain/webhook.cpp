#include "ipam-controller/domain/webhook.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/event.hpp"
#include "mooring/http/signature.hpp"
#include "mooring/http/url.hpp"

namespace mooring::controller {
namespace {

constexpr std::size_t min_secret = 16;
constexpr std::size_t max_secret = 256;
constexpr std::size_t max_patterns = 50;
constexpr const char* leave_it_out = "leave it out when you create the webhook: one is made and shown once";

}  // namespace

Result<void> check_webhook_secret(std::string_view secret) {
  const bool visible = std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (secret.size() < min_secret || secret.size() > max_secret || !visible) {
    return Error(
        Errc::invalid_argument,
        fmt::format("secret: {} characters; it takes {} to {}, visible ASCII", secret.size(), min_secret, max_secret),
        leave_it_out);
  }
  if (secret.starts_with(webhook_secret_prefix)) {
    const auto key = http::base64_decoded(secret.substr(webhook_secret_prefix.size()));
    if (!key || key->size() < min_secret) {
      return Error(Errc::invalid_argument, "secret: what is behind whsec_ is not Base64 of at least 16 bytes",
                   leave_it_out);
    }
  }
  return ok();
}

Result<void> check_webhook(const Webhook& webhook) {
  if (const auto url = http::Url::parse(webhook.url); !url) {
    return url.error().within("url");
  }
  if (webhook.events.size() > max_patterns) {
    return Error(Errc::invalid_argument,
                 fmt::format("events: {} patterns, at most {}", webhook.events.size(), max_patterns));
  }
  for (const std::string& text : webhook.events) {
    if (const auto pattern = EventPattern::parse(text); !pattern) {
      return pattern.error().within("events");
    }
  }
  return check_webhook_secret(webhook.secret);
}

}  // namespace mooring::controller
