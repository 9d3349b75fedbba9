#include "ipam-controller/cli/audit_copy.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "mooring/http/sha256.hpp"

namespace mooring::ctl {
namespace {

using ipam_api::AuditSegment;

Error broken(const std::string& path, std::uint64_t line, const std::string& problem) {
  return Error(Errc::check_failed, fmt::format("{}:{}: {}", path, line, problem),
               "the file was changed or is incomplete: compare it with another copy");
}

// The segment's end is where its header says.
std::optional<std::string> unfinished(const std::optional<AuditSegment>& segment, const AuditCopy& copy) {
  if (!segment || (copy.last_seq == segment->last_seq && copy.last_hash == segment->last_hash)) {
    return std::nullopt;
  }
  return fmt::format("the segment ends with record {}, its header says {}", copy.last_seq, segment->last_seq);
}

std::optional<std::string> begin(const AuditSegment& segment, AuditCopy& copy) {
  if (copy.incarnation.empty()) {
    copy.incarnation = segment.incarnation;
    copy.first_seq = segment.first_seq;
    copy.last_seq = segment.first_seq - 1;
    copy.previous_hash = copy.last_hash = segment.previous_hash;
    return std::nullopt;
  }
  if (segment.first_seq != copy.last_seq + 1 || segment.previous_hash != copy.last_hash) {
    return fmt::format("a segment from record {} does not follow record {}", segment.first_seq, copy.last_seq);
  }
  return std::nullopt;
}

}  // namespace

Result<AuditCopy> verify_copy(const std::string& path, AuditCopy copy) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error(Errc::io, fmt::format("reading {}: {}", path, std::strerror(errno)));
  }
  http::Sha256 sha256;
  std::optional<AuditSegment> segment;
  std::string line;
  std::uint64_t number = 0;
  while (std::getline(file, line)) {
    ++number;
    if (ipam_api::is_header_line(line)) {
      if (const auto problem = unfinished(segment, copy)) {
        return broken(path, number, *problem);
      }
      auto header = ipam_api::parse_header_line(line);
      if (!header) {
        return header.error().within(fmt::format("{}:{}", path, number));
      }
      if (const auto problem = begin(*header, copy)) {
        return broken(path, number, *problem);
      }
      segment = std::move(*header);
      continue;
    }
    const auto record = ipam_api::parse_record_line(line);
    if (!record || !segment) {
      return broken(path, number, segment ? record.error().message() : std::string("it begins without a header"));
    }
    const auto previous = ipam_api::parse_hash(copy.last_hash);
    if (!previous) {
      return broken(path, number, previous.error().message());
    }
    const std::string hash = ipam_api::hash_text(sha256.of(*previous, record->record));
    if (hash != record->hash) {
      return broken(
          path, number,
          fmt::format("record {} does not fit its hash: it, or the one before it, was changed", copy.last_seq + 1));
    }
    copy.last_hash = hash;
    ++copy.last_seq;
    ++copy.records;
  }
  if (!segment) {
    return broken(path, number, "there is no segment of an audit ledger in it");
  }
  if (const auto problem = unfinished(segment, copy)) {
    return broken(path, number, *problem);
  }
  return copy;
}

}  // namespace mooring::ctl
