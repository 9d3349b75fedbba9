#include "mooring/ipam_api/watch.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

constexpr auto tolerant = Fields::Unknown::ignore;
constexpr Shard max_shard = 16777215;

std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error out_of_range(std::string_view what, std::uint64_t value, std::uint64_t max) {
  return Error(Errc::invalid_argument, fmt::format("{} {} is above {}", what, value, max));
}

Shard shard_from(Fields& fields) {
  const std::uint64_t value = fields.number("shard");
  if (value > max_shard) {
    fields.fail("shard", out_of_range("shard", value, max_shard));
    return 0;
  }
  return static_cast<Shard>(value);
}

std::string bounded(Fields& fields, std::string_view key, std::size_t max) {
  std::string text = fields.string(key);
  if (text.size() > max) {
    fields.fail(key, Error(Errc::invalid_argument, fmt::format("is {} bytes long, at most {}", text.size(), max)));
  }
  return text;
}

Digest digest_from(Fields& fields) {
  return fields.take("digest", parse_digest(fields.string("digest")));
}

std::vector<Entry> entries_from(Fields& fields, std::string_view key) {
  std::vector<Entry> out;
  const Json* array = fields.array(key);
  if (array == nullptr) {
    fields.fail(key, Error(Errc::invalid_argument, "is missing"));
    return out;
  }
  out.reserve(array->size());
  for (const Json& item : *array) {
    auto entry = entry_from(item);
    if (!entry) {
      fields.fail(key, entry.error());
      return out;
    }
    out.push_back(std::move(*entry));
  }
  return out;
}

// Each reader takes the fields of one frame type; parse_frame() asks fields.finish() afterwards.
Frame hello_from(Fields& fields) {
  Hello frame;
  const std::uint64_t protocol = fields.number("protocol");
  const std::uint64_t heartbeat = fields.number("heartbeat_seconds");
  if (protocol < 1 || protocol > 1000) {
    fields.fail("protocol", out_of_range("protocol", protocol, 1000));
  }
  if (heartbeat < 1 || heartbeat > 3600) {
    fields.fail("heartbeat_seconds",
                Error(Errc::invalid_argument, fmt::format("is {}, expected 1 to 3600", heartbeat)));
  }
  frame.protocol = static_cast<int>(protocol);
  frame.heartbeat_seconds = static_cast<std::uint32_t>(heartbeat);
  frame.incarnation = bounded(fields, "incarnation", 128);
  frame.revision = fields.number("revision");
  frame.resume = fields.boolean("resume", false);
  return frame;
}

Frame snapshot_part_from(Fields& fields) {
  Entries frame;
  frame.shard = shard_from(fields);
  frame.entries = entries_from(fields, "entries");
  for (const Entry& entry : frame.entries) {
    if (entry.deleted || entry.shard != frame.shard) {
      fields.fail("entries", Error(Errc::invalid_argument,
                                   fmt::format("{} {} is {}", entry.kind, entry.key,
                                               entry.deleted ? "a tombstone in a snapshot" : "of another shard")));
    }
  }
  return frame;
}

Frame end_of_snapshot_from(Fields& fields) {
  EndOfSnapshot frame;
  frame.shard = shard_from(fields);
  frame.revision = fields.number("revision");
  frame.count = fields.number("count");
  frame.digest = digest_from(fields);
  return frame;
}

Frame end_of_snapshots_from(Fields& fields) {
  EndOfSnapshots frame;
  frame.revision = fields.number("revision");
  const Json* shards = fields.array("shards");
  if (shards == nullptr) {
    fields.fail("shards", Error(Errc::invalid_argument, "is missing"));
    return frame;
  }
  for (const Json& item : *shards) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > max_shard) {
      fields.fail("shards", Error(Errc::invalid_argument, fmt::format("holds {}, which is no shard", compact(item))));
      return frame;
    }
    frame.shards.push_back(item.get<Shard>());
  }
  return frame;
}

Frame changes_from(Fields& fields) {
  Changes frame;
  frame.revision = fields.number("revision");
  frame.changes = entries_from(fields, "changes");
  for (const Entry& entry : frame.changes) {
    if (entry.revision > frame.revision) {
      fields.fail("changes",
                  Error(Errc::invalid_argument, fmt::format("{} {} has revision {}, above the frame's {}", entry.kind,
                                                            entry.key, entry.revision, frame.revision)));
    }
  }
  return frame;
}

Frame heartbeat_from(Fields& fields) {
  Heartbeat frame;
  frame.revision = fields.number("revision");
  frame.digest = digest_from(fields);
  return frame;
}

Frame query_from(Fields& fields) {
  Query frame;
  frame.id = bounded(fields, "id", 128);
  frame.question = bounded(fields, "question", 64);
  if (const Json* arguments = fields.object("arguments")) {
    frame.arguments = *arguments;
  }
  return frame;
}

Frame goodbye_from(Fields& fields) {
  Goodbye frame;
  frame.title = fields.string("title");
  frame.detail = fields.string("detail", "");
  return frame;
}

using FrameReader = Frame (*)(Fields&);
constexpr std::array<std::pair<std::string_view, FrameReader>, 8> readers{{
    {"HELLO", &hello_from},
    {"ENTRIES", &snapshot_part_from},
    {"END_OF_SNAPSHOT", &end_of_snapshot_from},
    {"END_OF_SNAPSHOTS", &end_of_snapshots_from},
    {"CHANGES", &changes_from},
    {"HEARTBEAT", &heartbeat_from},
    {"QUERY", &query_from},
    {"GOODBYE", &goodbye_from},
}};

Json to_json(const std::vector<Entry>& entries) {
  Json array = Json::array();
  for (const Entry& entry : entries) {
    array.push_back(to_json(entry));
  }
  return array;
}

struct FrameWriter {
  Json operator()(const Hello& f) const {
    return {{"type", "HELLO"},        {"protocol", f.protocol}, {"incarnation", f.incarnation},
            {"revision", f.revision}, {"resume", f.resume},     {"heartbeat_seconds", f.heartbeat_seconds}};
  }
  Json operator()(const Entries& f) const {
    return {{"type", "ENTRIES"}, {"shard", f.shard}, {"entries", to_json(f.entries)}};
  }
  Json operator()(const EndOfSnapshot& f) const {
    return {{"type", "END_OF_SNAPSHOT"},
            {"shard", f.shard},
            {"revision", f.revision},
            {"count", f.count},
            {"digest", digest_text(f.digest)}};
  }
  Json operator()(const EndOfSnapshots& f) const {
    return {{"type", "END_OF_SNAPSHOTS"}, {"revision", f.revision}, {"shards", f.shards}};
  }
  Json operator()(const Changes& f) const {
    return {{"type", "CHANGES"}, {"revision", f.revision}, {"changes", to_json(f.changes)}};
  }
  Json operator()(const Heartbeat& f) const {
    return {{"type", "HEARTBEAT"}, {"revision", f.revision}, {"digest", digest_text(f.digest)}};
  }
  Json operator()(const Query& f) const {
    return {{"type", "QUERY"}, {"id", f.id}, {"question", f.question}, {"arguments", f.arguments}};
  }
  Json operator()(const Goodbye& f) const { return {{"type", "GOODBYE"}, {"title", f.title}, {"detail", f.detail}}; }
  Json operator()(const Unknown& f) const { return {{"type", f.type}}; }
};

class Fnv1a64 {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) {
      hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    }
  }
  void end_of_field() { hash_ *= 0x100000001b3ULL; }  // a NUL byte: XOR with 0 changes nothing
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

std::uint64_t splitmix64_finaliser(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

Result<Frame> parse_frame(std::string_view line) {
  if (line.size() > max_line_bytes) {
    return Error(Errc::too_large, fmt::format("a frame of {} bytes, at most {}", line.size(), max_line_bytes));
  }
  const auto json = parse_json("frame", line);
  if (!json) {
    return json.error();
  }
  Fields header(*json, "frame", tolerant);
  std::string type = header.string("type");
  if (auto bad = header.finish()) {
    return *bad;
  }
  for (const auto& [name, read] : readers) {
    if (name == type) {
      Fields fields(*json, name, tolerant);
      Frame frame = read(fields);
      if (auto bad = fields.finish()) {
        return *bad;
      }
      return frame;
    }
  }
  return Frame(Unknown{std::move(type)});
}

std::string write_frame(const Frame& frame) {
  return compact(std::visit(FrameWriter{}, frame)) + "\n";
}

Json to_json(const Entry& entry) {
  Json json = {{"kind", entry.kind}, {"shard", entry.shard}, {"key", entry.key}, {"revision", entry.revision}};
  if (entry.generation != 0) {
    json["generation"] = entry.generation;
  }
  if (entry.deleted) {
    json["deleted"] = true;
  } else {
    json["value"] = entry.value;
  }
  return json;
}

Result<Entry> entry_from(const Json& json) {
  Fields fields(json, "entry", tolerant);
  Entry entry;
  entry.kind = bounded(fields, "kind", 32);
  entry.shard = shard_from(fields);
  entry.key = bounded(fields, "key", 253);
  entry.revision = fields.number("revision");
  entry.generation = fields.number("generation", 0);
  entry.deleted = fields.boolean("deleted", false);
  const Json* value = fields.object("value");
  if (entry.deleted) {
    entry.value = nullptr;
  } else if (value != nullptr) {
    entry.value = *value;
  } else {
    fields.fail("value", Error(Errc::invalid_argument, "is missing"));
  }
  if (entry.kind == entry_kind::port && (entry.generation == 0 || entry.shard == 0)) {
    fields.fail(entry.shard == 0 ? "shard" : "generation",
                Error(Errc::invalid_argument, "is missing or 0, and a port needs one"));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return entry;
}

Digest entry_digest(const Entry& entry) {
  return entry_digest(entry.kind, entry.shard, entry.key, entry.revision, compact(entry.value));
}

Digest entry_digest(std::string_view kind, Shard shard, std::string_view key, Revision revision,
                    std::string_view value) {
  Fnv1a64 hash;
  hash.add(kind);
  hash.end_of_field();
  hash.add(std::to_string(shard));
  hash.end_of_field();
  hash.add(key);
  hash.end_of_field();
  hash.add(std::to_string(revision));
  hash.end_of_field();
  hash.add(value);
  return splitmix64_finaliser(hash.value());
}

std::string digest_text(Digest digest) {
  return fmt::format("{:016x}", digest);
}

Result<Digest> parse_digest(std::string_view text) {
  const bool fits = text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  Digest value = 0;
  if (!fits || std::from_chars(text.data(), text.data() + text.size(), value, 16).ec != std::errc{}) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a digest", text), "16 digits of 0-9 and a-f");
  }
  return value;
}

void DigestSums::add(Shard shard, Digest entry) {
  for (Sum* sum : {&shards_[shard], &total_}) {
    sum->count += 1;
    sum->digest += entry;
  }
}

void DigestSums::remove(Shard shard, Digest entry) {
  const auto it = shards_.find(shard);
  if (it == shards_.end()) {
    return;
  }
  for (Sum* sum : {&it->second, &total_}) {
    sum->count -= 1;
    sum->digest -= entry;
  }
  if (it->second.count == 0) {
    shards_.erase(it);
  }
}

DigestSums::Sum DigestSums::shard(Shard shard) const {
  const auto it = shards_.find(shard);
  return it == shards_.end() ? Sum{} : it->second;
}

std::string to_string(Role role) {
  switch (role) {
    case Role::node:
      return "node";
    case Role::gateway:
      return "gateway";
    case Role::observer:
      return "observer";
  }
  return "observer";
}

Result<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::node, Role::gateway, Role::observer}) {
    if (text == to_string(role)) {
      return role;
    }
  }
  return Error(Errc::invalid_argument, fmt::format("'{}' is not a role", text), "one of node, gateway, observer");
}

std::string watch_target(const WatchRequest& request) {
  // Names and incarnations are of [a-z0-9-], so nothing needs percent-encoding.
  std::string target = fmt::format("/v1/watch?protocol={}&role={}", request.protocol, to_string(request.role));
  if (!request.name.empty()) {
    target += "&name=" + request.name;
  }
  if (!request.incarnation.empty()) {
    target += "&incarnation=" + request.incarnation;
  }
  if (request.revision) {
    target += "&revision=" + std::to_string(*request.revision);
  }
  return target;
}

Result<WatchRequest> watch_request_from(const std::map<std::string, std::string>& parameters) {
  Json object = Json::object();
  for (const auto& [key, value] : parameters) {
    object[key] = value;
  }
  Fields fields(object, "watch");
  WatchRequest request;
  const auto number = [&fields](std::string_view key, const std::string& text, std::uint64_t max) {
    const auto value = decimal(text);
    if (!value || *value > max) {
      fields.fail(key, Error(Errc::invalid_argument, fmt::format("'{}' is not a number from 0 to {}", text, max)));
    }
    return value.value_or(0);
  };
  request.protocol = static_cast<int>(number("protocol", fields.string("protocol"), 1000));
  request.role = fields.parsed("role", &parse_role);
  const std::string name = fields.string("name", "");
  const std::string incarnation = fields.string("incarnation", "");
  const std::string revision = fields.string("revision", "");
  request.name = name.empty() ? name : fields.take("name", parse_name("name", name));
  request.incarnation =
      incarnation.empty() ? incarnation : fields.take("incarnation", parse_name("incarnation", incarnation));
  if (!revision.empty()) {
    request.revision = number("revision", revision, std::numeric_limits<std::uint64_t>::max());
  }
  if (request.name.empty() && request.role != Role::observer) {
    fields.fail("name",
                Error(Errc::invalid_argument, fmt::format("is missing, and a {} has one", to_string(request.role))));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  if (request.protocol < 1) {
    return Error(Errc::incompatible_version, fmt::format("watch: protocol {} is not spoken here", request.protocol),
                 "the oldest one is 1");
  }
  return request;
}

}  // namespace mooring::ipam_api
