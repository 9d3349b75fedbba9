#include "mooring/agent_api/bandwidth.hpp"

#include <charconv>

#include <fmt/format.h>

namespace mooring::agent_api {
namespace {

Result<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || text.empty()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a number", text), "like 8000000 or 8000000/800000");
  }
  return value;
}

Result<void> in_range(const RateLimit& limit) {
  if (limit.bits_per_second >= least_rate_bps && limit.bits_per_second <= greatest_rate_bps) {
    return ok();
  }
  return Error(Errc::invalid_argument, fmt::format("{} bits a second cannot be metered", limit.bits_per_second),
               fmt::format("{} to {}", least_rate_bps, greatest_rate_bps));
}

RateLimit direction(ipam_api::Fields& fields, std::string_view key) {
  RateLimit limit;
  const Json* object = fields.object(key);
  if (object == nullptr) {
    return limit;
  }
  ipam_api::Fields of_one(*object, key);
  limit.bits_per_second = of_one.number("rate_bps");
  limit.burst_bits = of_one.number("burst_bits", 0);
  if (const auto bad = of_one.finish()) {
    fields.fail(key, *bad);
  } else if (const auto fits = in_range(limit); !fits) {
    fields.fail(key, fits.error());
  }
  return limit;
}

}  // namespace

std::string RateLimit::str() const {
  return burst_bits == 0 ? std::to_string(bits_per_second) : fmt::format("{}/{}", bits_per_second, burst_bits);
}

Result<RateLimit> parse_rate_limit(std::string_view text) {
  const auto slash = text.find('/');
  const auto rate = number(text.substr(0, slash));
  const auto burst = slash == std::string_view::npos ? Result<std::uint64_t>(0) : number(text.substr(slash + 1));
  if (!rate || !burst) {
    return rate ? burst.error() : rate.error();
  }
  const RateLimit limit{*rate, *burst};
  const auto fits = in_range(limit);
  return fits ? Result<RateLimit>(limit) : Result<RateLimit>(fits.error());
}

Json to_json(const Bandwidth& value) {
  Json json = Json::object();
  const auto put = [&json](const char* key, const RateLimit& limit) {
    if (limit.bits_per_second == 0) {
      return;
    }
    json[key] = {{"rate_bps", limit.bits_per_second}};
    if (limit.burst_bits != 0) {
      json[key]["burst_bits"] = limit.burst_bits;
    }
  };
  put("ingress", value.ingress);
  put("egress", value.egress);
  return json;
}

Result<Bandwidth> bandwidth_from(const Json& json) {
  ipam_api::Fields fields(json, "bandwidth");
  Bandwidth value;
  value.ingress = direction(fields, "ingress");
  value.egress = direction(fields, "egress");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return value;
}

}  // namespace mooring::agent_api
