// The audit ledger outside the controller: lines of JSON, a header for each segment and one line a record, in the
// order of the chain. Every record's hash is SHA-256(hash of the one before || record), the first one's predecessor
// is 32 zero bytes. A file may hold several segments.
//
//   {"mooring_audit":1,"incarnation":"…","first_seq":1,"last_seq":2,"previous_hash":"00…","last_hash":"ab…","more":false}
//   {"hash":"…","record":{…}}
//
// A record is hashed as it is written, byte for byte. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::ipam_api {

// The number of a record: 1, 2, 3, … without a gap.
using AuditSeq = std::uint64_t;

// Hashes are 64 hexadecimal digits in texts, 32 raw bytes where they are computed.
std::string hash_text(std::string_view raw);
Result<std::string> parse_hash(std::string_view text);
// What the first record of all is chained to.
std::string no_hash();

struct AuditSegment {
  std::string incarnation;
  AuditSeq first_seq = 1;
  AuditSeq last_seq = 0;      // first_seq - 1: it is empty
  std::string previous_hash;  // text
  std::string last_hash;      // text
  bool more = false;          // the ledger goes on behind it
};
std::string header_line(const AuditSegment& segment);
std::string record_line(std::string_view hash, std::string_view record);

bool is_header_line(std::string_view line);
Result<AuditSegment> parse_header_line(std::string_view line);
struct AuditLine {
  std::string_view hash;    // text
  std::string_view record;  // as it was hashed; both views are into the line
};
Result<AuditLine> parse_record_line(std::string_view line);

}  // namespace mooring::ipam_api
