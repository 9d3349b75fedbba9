#include "mooring/ipam_api/audit_file.hpp"

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr std::size_t raw_bytes = 32;
constexpr std::string_view header_begin = R"({"mooring_audit":)";
constexpr std::string_view line_begin = R"({"hash":")";
constexpr std::string_view line_middle = R"(","record":)";

int digit_of(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string hash_text(std::string_view raw) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(raw.size() * 2);
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

Result<std::string> parse_hash(std::string_view text) {
  const Error wrong(Errc::invalid_argument, fmt::format("'{}' is no hash", text), "64 hexadecimal digits, lower case");
  if (text.size() != 2 * raw_bytes) {
    return wrong;
  }
  std::string raw;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit_of(text[i]);
    const int low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) {
      return wrong;
    }
    raw += static_cast<char>(high * 16 + low);
  }
  return raw;
}

std::string no_hash() {
  return std::string(raw_bytes, '\0');
}

std::string header_line(const AuditSegment& segment) {
  return fmt::format(
      R"({}1,"incarnation":"{}","first_seq":{},"last_seq":{},"previous_hash":"{}","last_hash":"{}","more":{}}})",
      header_begin, segment.incarnation, segment.first_seq, segment.last_seq, segment.previous_hash, segment.last_hash,
      segment.more);
}

std::string record_line(std::string_view hash, std::string_view record) {
  return fmt::format("{}{}{}{}}}", line_begin, hash, line_middle, record);
}

bool is_header_line(std::string_view line) {
  return line.starts_with(header_begin);
}

Result<AuditSegment> parse_header_line(std::string_view line) {
  const auto json = parse_json("the header of a segment", line);
  if (!json) {
    return json.error();
  }
  Fields fields(*json, "the header of a segment");
  AuditSegment segment;
  if (const auto version = fields.number("mooring_audit"); version != 1) {
    return Error(Errc::unsupported, fmt::format("the segment has the format {}, known is 1", version),
                 "use the mooringctl of the version that exported it");
  }
  segment.incarnation = fields.string("incarnation");
  segment.first_seq = fields.number("first_seq");
  segment.last_seq = fields.number("last_seq");
  segment.previous_hash = fields.string("previous_hash");
  segment.last_hash = fields.string("last_hash");
  segment.more = fields.boolean("more", false);
  if (const auto wrong = fields.finish()) {
    return *wrong;
  }
  return segment;
}

Result<AuditLine> parse_record_line(std::string_view line) {
  const std::size_t hash_at = line_begin.size();
  const std::size_t middle_at = hash_at + 2 * raw_bytes;
  const std::size_t record_at = middle_at + line_middle.size();
  if (!line.starts_with(line_begin) || line.size() < record_at + 2 ||
      line.substr(middle_at, line_middle.size()) != line_middle || line.back() != '}') {
    return Error(Errc::invalid_argument, R"(it is not {"hash":"…","record":{…}})",
                 "take the file as mooringctl audit export wrote it");
  }
  return AuditLine{line.substr(hash_at, 2 * raw_bytes), line.substr(record_at, line.size() - record_at - 1)};
}

}  // namespace mooring::ipam_api
