// The one table of everything that can go wrong and is the caller's business: bad input, lost races, exhausted pools,
// a peer that is away. Each code has a stable text id, and its HTTP status, CNI code, exit code and "a retry can help"
// are decided here and nowhere else. A broken world (out of memory, a bug) is an exception instead.
//
// Threading: values, no shared state.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace mooring {

enum class Errc {
  internal,              // a bug or a broken invariant
  invalid_argument,      // a field of the input is malformed
  unsupported,           // well-formed, but this version does not do it
  bad_environment,       // CNI: an environment variable is missing or invalid
  invalid_config,        // CNI: the network configuration is invalid
  incompatible_version,  // CNI: cniVersion is not one of ours
  not_found,
  already_exists,     // an object of that name, or an interface of that name
  in_use,             // cannot be deleted: something depends on it
  conflict,           // two wishes contradict (address outside the pool, overlapping subnets, other machine id …)
  exhausted,          // no free address in any candidate pool
  address_taken,      // the wished address belongs to somebody else
  quota_exceeded,     // the namespace has as many addresses of the pool as it may
  changed_meanwhile,  // If-Match names another revision than the object has
  release_held,       // so many ports of one node at once are not believed to be gone: an operator decides
  superseded,         // a newer generation holds the binding; the caller lost it (fenced UID)
  permission_denied,
  unauthorized,
  too_large,
  unavailable,  // a peer (agent, controller, OVSDB, vswitchd) is away or not ready
  timeout,
  io,                 // a system call on a local resource failed (netlink, file)
  restoring,          // the store was made from a backup, and what the nodes hold is not all known yet
  storage,            // the store could not make it durable (disk full …)
  undecodable,        // CNI: the input is not JSON
  unknown_container,  // CNI: the container's namespace is gone; nothing of it needs cleaning up
  not_ready,          // CNI STATUS: new containers cannot be attached now
  degraded,           // CNI STATUS: neither can they, and existing ones may have lost connectivity
  check_failed,       // CNI CHECK: something is not as ADD left it
};

struct ErrcInfo {
  Errc code;
  std::string_view id;  // stable, for machines: "pool-exhausted"
  int http_status;
  int cni_code;   // CNI spec 1.1, section 5; >= 100 are ours
  int exit_code;  // of mooringctl
  bool retryable;
};

// The row of `code`.
const ErrcInfo& info(Errc code);
// The row with that text id, or that of Errc::internal.
const ErrcInfo& info_by_id(std::string_view id);
// All rows, for generated documentation and tests.
struct ErrcTable {
  const ErrcInfo* begin_;
  const ErrcInfo* end_;
  const ErrcInfo* begin() const { return begin_; }
  const ErrcInfo* end() const { return end_; }
};
ErrcTable all_errors();

// `message` reads "doing X with NAME: cause"; `hint` is the way out ("delete the ports first: mooringctl get ports …").
class Error {
 public:
  Error() = default;
  Error(Errc code, std::string message, std::string hint = {});

  Errc code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const ErrcInfo& info() const { return mooring::info(code_); }
  // "message (hint)", for one-line outputs.
  std::string text() const;
  // The same error seen from a caller: "context: message".
  Error within(std::string_view context) const;

 private:
  Errc code_ = Errc::internal;
  std::string message_;
  std::string hint_;
};

// "id: message (hint)": what a failed test assertion shows of a Result.
std::ostream& operator<<(std::ostream& out, const Error& error);

template <class T>
using Result = boost::system::result<T, Error>;

// boost::system::result calls this when .value() is called on an error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& location);

// A Result<void> that is fine.
inline Result<void> ok() {
  return Result<void>(boost::system::in_place_value);
}

}  // namespace mooring
