#include "ovs-agent/domain/journal_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace mooring::agent {
namespace {

using ipam_api::Fields;
using ipam_api::Json;

std::uint32_t crc32(std::string_view text) {  // IEEE 802.3
  std::uint32_t crc = 0xffffffffU;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
  }
  return ~crc;
}

Json json_of(const AddBegun& record) {
  return {{"type", "add-begun"},    {"attachment", record.attachment.str()},
          {"pid", record.pid},      {"started", record.started},
          {"boot", record.boot_id}, {"cni", record.cni_network}};
}
Json json_of(const AddEnded& record) {
  return {{"type", "add-ended"}, {"attachment", record.attachment.str()}};
}
Json json_of(const ReleaseOwed& record) {
  Json json = {{"type", "release-owed"},
               {"id", record.id},
               {"attachment", record.attachment.str()},
               {"generation", record.generation},
               {"reason", record.reason}};
  if (record.key) {
    json["vni"] = record.key->vni.value();
    json["address"] = record.key->address.str();
  }
  if (!record.record.empty()) {
    json["record"] = record.record;
  }
  return json;
}
Json json_of(const ReleaseDone& record) {
  return {{"type", "release-done"}, {"id", record.id}};
}

Json json_of(const DelegatedGiven& record) {
  return {{"type", "delegated-given"},
          {"attachment", record.attachment.str()},
          {"addresses", record.addresses},
          {"pod", record.pod},
          {"vni", record.vni.value()},
          {"mac", record.mac.str()},
          {"generation", record.generation},
          {"netns", record.netns},
          {"cni", record.cni_network},
          {"boot", record.boot_id},
          {"pid", record.pid},
          {"started", record.started}};
}
Json json_of(const DelegatedEnded& record) {
  return {{"type", "delegated-ended"}, {"attachment", record.attachment.str()}};
}

Json json_of(const GivenHere& record) {
  Json json = {{"type", "given"}, {"attachment", record.attachment.str()}, {"report", record.report}};
  if (record.instead_of_release != 0) {
    json["instead_of_release"] = record.instead_of_release;
  }
  if (record.instead_of_given) {
    json["instead_of_given"] = record.instead_of_given->str();
  }
  return json;
}
Json json_of(const GivenEnded& record) {
  return {{"type", "given-ended"}, {"attachment", record.attachment.str()}};
}
Json json_of(const BlockReturned& record) {
  return {{"type", "block-returned"}, {"id", record.id}};
}

// A greater one is damage, and cut to 32 bits it would be another process.
std::int32_t pid_from(Fields& fields) {
  const std::uint64_t pid = fields.number("pid");
  if (pid > std::numeric_limits<std::int32_t>::max()) {
    fields.fail("pid", Error(Errc::invalid_argument, fmt::format("{} is no process", pid)));
  }
  return static_cast<std::int32_t>(pid);
}

GivenHere given_here_from(Fields& fields) {
  GivenHere given;
  given.attachment = fields.parsed("attachment", &ipam_api::parse_attachment);
  given.report = fields.string("report");
  given.instead_of_release = fields.number("instead_of_release", 0);
  given.instead_of_given = fields.parsed_if_present("instead_of_given", &ipam_api::parse_attachment);
  return given;
}

DelegatedGiven given_from(Fields& fields) {
  DelegatedGiven given;
  given.attachment = fields.parsed("attachment", &ipam_api::parse_attachment);
  given.addresses = fields.string("addresses");
  given.pod = fields.string("pod", "");
  given.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  given.mac = fields.parsed("mac", &net::MacAddress::parse);
  given.generation = fields.number("generation");
  given.netns = fields.string("netns", "");
  given.cni_network = fields.string("cni", "");
  given.boot_id = fields.string("boot", "");
  given.pid = pid_from(fields);
  given.started = fields.number("started");
  return given;
}

Result<JournalRecord> record_from(const Json& json) {
  Fields fields(json, "journal", Fields::Unknown::ignore);
  const std::string type = fields.string("type");
  JournalRecord record;
  if (type == "add-begun") {
    AddBegun begun;
    begun.attachment = fields.parsed("attachment", &ipam_api::parse_attachment);
    begun.pid = pid_from(fields);
    begun.started = fields.number("started");
    begun.boot_id = fields.string("boot", "");
    begun.cni_network = fields.string("cni", "");
    record = begun;
  } else if (type == "add-ended") {
    record = AddEnded{fields.parsed("attachment", &ipam_api::parse_attachment)};
  } else if (type == "release-owed") {
    ReleaseOwed owed;
    owed.id = fields.number("id");
    owed.attachment = fields.parsed("attachment", &ipam_api::parse_attachment);
    owed.generation = fields.number("generation");
    owed.reason = fields.string("reason", "");
    if (fields.has("address")) {
      owed.key = PortKey{fields.take("vni", net::Vni::from(fields.number("vni"))),
                         fields.parsed("address", &net::IpAddress::parse)};
    }
    if (const Json* was = fields.object("record")) {
      for (const auto& [key, value] : was->items()) {
        if (value.is_string()) {
          owed.record[key] = value.get<std::string>();
        }
      }
    }
    record = owed;
  } else if (type == "release-done") {
    record = ReleaseDone{fields.number("id")};
  } else if (type == "delegated-given") {
    record = given_from(fields);
  } else if (type == "delegated-ended") {
    record = DelegatedEnded{fields.parsed("attachment", &ipam_api::parse_attachment)};
  } else if (type == "given") {
    record = given_here_from(fields);
  } else if (type == "given-ended") {
    record = GivenEnded{fields.parsed("attachment", &ipam_api::parse_attachment)};
  } else if (type == "block-returned") {
    record = BlockReturned{fields.string("id")};
  } else {
    return Error(Errc::unsupported, fmt::format("reading the journal: record type '{}' is not known", type));
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return record;
}

Result<JournalRecord> read_line(std::string_view line) {
  std::uint32_t crc = 0;
  const auto bad = Error(Errc::invalid_argument, "reading the journal: a line is damaged");
  if (line.size() < 10 || line[8] != ' ') {
    return bad;
  }
  const auto [end, problem] = std::from_chars(line.data(), line.data() + 8, crc, 16);
  if (problem != std::errc{} || end != line.data() + 8 || crc32(line.substr(9)) != crc) {
    return bad;
  }
  const auto json = ipam_api::parse_json("journal", line.substr(9));
  if (!json) {
    return json.error();
  }
  return record_from(json.value());
}

}  // namespace

std::string write_record(const JournalRecord& record) {
  const std::string text = std::visit([](const auto& value) { return json_of(value); }, record).dump();
  return fmt::format("{:08x} {}\n", crc32(text), text);
}

void JournalState::apply(const JournalRecord& record) {
  if (const auto* begun = std::get_if<AddBegun>(&record)) {
    in_flight.insert_or_assign(begun->attachment, *begun);
  } else if (const auto* ended = std::get_if<AddEnded>(&record)) {
    in_flight.erase(ended->attachment);
  } else if (const auto* release = std::get_if<ReleaseOwed>(&record)) {
    owed.insert_or_assign(release->id, *release);
    last_id = std::max(last_id, release->id);
  } else if (const auto* done = std::get_if<ReleaseDone>(&record)) {
    owed.erase(done->id);
    last_id = std::max(last_id, done->id);
  } else if (const auto* delegate = std::get_if<DelegatedGiven>(&record)) {
    delegated.insert_or_assign(delegate->attachment, *delegate);
  } else if (const auto* gone = std::get_if<DelegatedEnded>(&record)) {
    delegated.erase(gone->attachment);
  } else if (const auto* here = std::get_if<GivenHere>(&record)) {
    owed.erase(here->instead_of_release);
    last_id = std::max(last_id, here->instead_of_release);
    if (here->instead_of_given) {
      given.erase(*here->instead_of_given);
    }
    given.insert_or_assign(here->attachment, *here);
  } else if (const auto* over = std::get_if<GivenEnded>(&record)) {
    given.erase(over->attachment);
  } else if (const auto* block = std::get_if<BlockReturned>(&record)) {
    std::erase(returned, block->id);
    returned.push_back(block->id);
    if (returned.size() > most_returned) {
      returned.pop_front();
    }
  }
}

std::vector<std::string> split_addresses(std::string_view addresses) {
  std::vector<std::string> parts;
  while (!addresses.empty()) {
    const auto comma = addresses.find(", ");
    parts.emplace_back(addresses.substr(0, comma));
    addresses.remove_prefix(comma == std::string_view::npos ? addresses.size() : comma + 2);
  }
  return parts;
}

std::string JournalState::text() const {
  std::string text;
  for (const auto& [attachment, begun] : in_flight) {
    text += write_record(begun);
  }
  for (const auto& [id, release] : owed) {
    text += write_record(release);
  }
  for (const auto& [attachment, delegate] : delegated) {
    text += write_record(delegate);
  }
  for (const auto& [attachment, here] : given) {
    text += write_record(here);
  }
  for (const auto& id : returned) {
    text += write_record(BlockReturned{id});
  }
  return text;
}

JournalState read_journal(std::string_view text) {
  JournalState state;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      break;  // cut off by a crash: it was never acknowledged
    }
    if (const auto record = read_line(text.substr(0, end))) {
      state.apply(record.value());
    } else {
      ++state.bad_lines;
    }
    text.remove_prefix(end + 1);
  }
  return state;
}

}  // namespace mooring::agent
