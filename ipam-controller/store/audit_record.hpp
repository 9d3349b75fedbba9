// An entry of the ledger as the text that is hashed and kept (app/audit.hpp has its form), and what it is found by.
// Threading: pure functions.
#pragma once

#include <string>
#include <vector>

#include "ipam-controller/app/audit.hpp"

namespace mooring::controller {

struct AuditText {
  std::string text;
  std::vector<std::string> subjects;  // each once
};

AuditText audit_text(AuditSeq seq, const AuditEntry& entry);
// The record of a pruning: kind "audit", action "prune".
AuditText prune_text(AuditSeq seq, const AuditPrune& cut, AuditSeq first_seq);

// "at_ms" of a record; throws std::runtime_error if it has none.
TimeMs time_of(const std::string& record);

}  // namespace mooring::controller
