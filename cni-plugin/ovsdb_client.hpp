// One OVSDB server, over plain JSON-RPC (RFC 7047) without replicating anything: a transaction costs one message each
// way. The plugin's own small client; the agent uses libopenvswitch.
// Errors: Errc::unavailable (not running, closed), timeout, io (a transaction that the server refused: its own words).
// Threading: one thread, one transaction at a time.
#pragma once

#include <string>
#include <string_view>

#include "cni-plugin/unix_stream.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::cni {

using ipam_api::Json;

// The end of the JSON object or array that begins at text[0]; npos while it is incomplete. RFC 7047 frames messages
// by nothing else.
std::size_t end_of_json(std::string_view text);

// The error of a transaction's result, decoded; `operation` is the index of the operation that failed, or the number
// of operations if the commit did.
struct TransactionFailure {
  std::size_t operation = 0;
  std::string error;  // "timed out": a `wait` whose condition does not hold
  std::string details;
};
std::optional<TransactionFailure> failure_of(const Json& results);

inline constexpr const char* default_ovsdb = "unix:/run/openvswitch/db.sock";

class OvsdbClient {
 public:
  // `endpoint`: "unix:/run/openvswitch/db.sock".
  static Result<OvsdbClient> connect(const std::string& endpoint, Deadline deadline, const Interruption& interruption);

  // `operations`: a JSON array (RFC 7047, 5.2), without the database's name.
  Result<void> send_transaction(const Json& operations);
  // The array of results. A refused transaction is no error here: see failure_of.
  Result<Json> receive_results();
  Result<Json> transact(const Json& operations);

 private:
  OvsdbClient(UnixStream stream, std::string endpoint) : stream_(std::move(stream)), endpoint_(std::move(endpoint)) {}
  Result<Json> receive_message();

  UnixStream stream_;
  std::string endpoint_;
  std::string buffer_;
  int last_id_ = 0;
};

}  // namespace mooring::cni
