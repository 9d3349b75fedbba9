// A file that `mooringctl audit export` wrote, verified without a controller.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "mooring/base/error.hpp"
#include "mooring/ipam_api/audit_file.hpp"

namespace mooring::ctl {

struct AuditCopy {
  std::string incarnation;
  ipam_api::AuditSeq first_seq = 0, last_seq = 0;  // 0: nothing was read yet
  std::string previous_hash, last_hash;            // texts
  std::uint64_t records = 0;
};

// Reads `path` on from what `before` has (files of one ledger, in order; none: AuditCopy()). check_failed: the chain is
// broken; the message names the first record, or line, that does not fit. io: it cannot be read.
Result<AuditCopy> verify_copy(const std::string& path, AuditCopy before);

}  // namespace mooring::ctl
