#include "mooring/base/error.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace mooring {
namespace {

// code, id, HTTP, CNI, exit, retryable
constexpr std::array table{
    ErrcInfo{Errc::internal, "internal", 500, 999, 1, false},
    ErrcInfo{Errc::invalid_argument, "invalid-argument", 400, 7, 2, false},
    ErrcInfo{Errc::unsupported, "unsupported", 400, 2, 2, false},
    ErrcInfo{Errc::bad_environment, "bad-environment", 400, 4, 2, false},
    ErrcInfo{Errc::invalid_config, "invalid-config", 400, 7, 2, false},
    ErrcInfo{Errc::incompatible_version, "incompatible-version", 400, 1, 2, false},
    ErrcInfo{Errc::not_found, "not-found", 404, 100, 1, false},
    ErrcInfo{Errc::already_exists, "already-exists", 409, 101, 1, false},
    ErrcInfo{Errc::in_use, "in-use", 409, 102, 1, false},
    ErrcInfo{Errc::conflict, "conflict", 409, 103, 1, false},
    ErrcInfo{Errc::exhausted, "pool-exhausted", 409, 104, 1, true},
    ErrcInfo{Errc::address_taken, "address-taken", 409, 105, 1, false},
    ErrcInfo{Errc::quota_exceeded, "quota-exceeded", 409, 112, 1, true},
    ErrcInfo{Errc::changed_meanwhile, "changed-meanwhile", 412, 113, 1, false},
    ErrcInfo{Errc::release_held, "release-held", 409, 114, 1, true},
    ErrcInfo{Errc::superseded, "superseded", 409, 106, 1, false},
    ErrcInfo{Errc::permission_denied, "permission-denied", 403, 107, 1, false},
    ErrcInfo{Errc::unauthorized, "unauthorized", 401, 108, 1, false},
    ErrcInfo{Errc::too_large, "too-large", 413, 109, 2, false},
    ErrcInfo{Errc::unavailable, "unavailable", 503, 11, 1, true},
    ErrcInfo{Errc::timeout, "timeout", 504, 11, 1, true},
    ErrcInfo{Errc::io, "io", 500, 5, 1, true},
    ErrcInfo{Errc::restoring, "restoring", 503, 11, 1, true},
    ErrcInfo{Errc::storage, "storage", 507, 110, 1, true},
    ErrcInfo{Errc::undecodable, "undecodable", 400, 6, 2, false},
    ErrcInfo{Errc::unknown_container, "unknown-container", 404, 3, 1, false},
    ErrcInfo{Errc::not_ready, "not-ready", 503, 50, 1, true},
    ErrcInfo{Errc::degraded, "degraded", 503, 51, 1, true},
    ErrcInfo{Errc::check_failed, "check-failed", 409, 111, 1, false},
};

}  // namespace

const ErrcInfo& info(Errc code) {
  const auto* row = std::find_if(table.begin(), table.end(), [code](const ErrcInfo& r) { return r.code == code; });
  return row == table.end() ? table.front() : *row;
}

const ErrcInfo& info_by_id(std::string_view id) {
  const auto* row = std::find_if(table.begin(), table.end(), [id](const ErrcInfo& r) { return r.id == id; });
  return row == table.end() ? table.front() : *row;
}

ErrcTable all_errors() {
  return {table.data(), table.data() + table.size()};
}

Error::Error(Errc code, std::string message, std::string hint)
    : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

std::string Error::text() const {
  return hint_.empty() ? message_ : message_ + " (" + hint_ + ")";
}

Error Error::within(std::string_view context) const {
  return Error(code_, std::string(context) + ": " + message_, hint_);
}

std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.info().id << ": " << error.text();
}

void throw_exception_from_error(const Error& error, const boost::source_location& location) {
  throw std::runtime_error(error.text() + " [unchecked at " + location.to_string() + "]");
}

}  // namespace mooring
