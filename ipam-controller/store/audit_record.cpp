#include "ipam-controller/store/audit_record.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/object_text.hpp"
#include "mooring/ipam_api/json_text.hpp"

namespace mooring::controller {
namespace {

using Subjects = std::vector<std::string>;

void add(Subjects& subjects, std::string subject) {
  if (std::find(subjects.begin(), subjects.end(), subject) == subjects.end()) {
    subjects.push_back(std::move(subject));
  }
}
void add_owner(Subjects& subjects, const BindingKey& owner) {
  add(subjects, owner.namespace_ + "/" + owner.hostname);
}
void add_addresses(Subjects& subjects, const net::AddressPair& addresses) {
  for (const net::IpAddress address : addresses.all()) {
    add(subjects, address.str());
  }
}

template <class T>
void add_subjects(Subjects& subjects, const T& object) {
  add(subjects, fmt::format("{}/{}", kind_name<T>(), key_text(object.key())));
}
void add_subjects(Subjects& subjects, const Binding& binding) {
  add_addresses(subjects, binding.addresses);
  add_owner(subjects, binding.owner);
}
void add_subjects(Subjects& subjects, const Port& port) {
  add_addresses(subjects, port.addresses);
  add_owner(subjects, port.owner);
}
void add_subjects(Subjects& subjects, const ExtraAddress& extra) {
  add(subjects, extra.address.str());
  if (extra.holder) {
    add_owner(subjects, *extra.holder);
  }
}
void add_subjects(Subjects& subjects, const Block& block) {
  add(subjects, "block/" + block.id);
  add(subjects, "node/" + block.node);
}
void add_subjects(Subjects& subjects, const Reservation& reservation) {
  add(subjects, "reservation/" + reservation.name);
  if (reservation.range.first == reservation.range.last) {
    add(subjects, reservation.range.first.str());
  }
}

constexpr const char* absent = "null";

// One side of a change: its JSON ("null": not there), its kind and key.
struct Side {
  std::string json;
  std::string_view kind;
  std::string key;
};
struct Look {
  Subjects& subjects;

  template <class T>
  Side operator()(const T& object) const {
    add_subjects(subjects, object);
    return {text_of(object), kind_name<T>(), key_text(object.key())};
  }
  template <class T>
  Side operator()(const Erase<T>& erased) const {
    return {absent, kind_name<T>(), key_text(erased.key)};
  }
};

Json json_of(const Actor& actor) {
  return {{"kind", to_string(actor.kind)}, {"name", actor.name}, {"from", actor.from}};
}

std::string list_text(const std::vector<std::string>& items) {
  std::string text = "[";
  for (const std::string& item : items) {
    text += text.size() == 1 ? "" : ",";
    ipam_api::append_json(text, item);
  }
  return text += ']';
}

}  // namespace

AuditText audit_text(AuditSeq seq, const AuditEntry& entry) {
  AuditText made;
  const Side before = std::visit(Look{made.subjects}, entry.before);
  const Side after = std::visit(Look{made.subjects}, entry.after);
  const char* action = before.json == absent ? "create" : after.json == absent ? "delete" : "change";
  ipam_api::JsonText record(before.json.size() + after.json.size() + 512);
  // In the order of the keys: a record is canonical JSON.
  record.text("action", action).raw("actor", text_of(json_of(entry.actor))).raw("after", after.json);
  record.number("at_ms", static_cast<std::uint64_t>(entry.at_ms)).raw("before", before.json);
  record.text("key", after.key).text("kind", after.kind).text("reason", entry.reason);
  record.number("revision", entry.revision).number("seq", seq).raw("subjects", list_text(made.subjects));
  made.text = std::move(record).finished();
  return made;
}

AuditText prune_text(AuditSeq seq, const AuditPrune& cut, AuditSeq first_seq) {
  AuditText made;
  made.subjects = {"audit/ledger"};
  Json record = Json::object();
  record["action"] = "prune";
  record["actor"] = json_of(cut.actor);
  record["after"] = {{"first_seq", first_seq}, {"last_seq", cut.last_seq}, {"last_hash", cut.last_hash}};
  record["at_ms"] = cut.at_ms;
  record["before"] = nullptr;
  record["key"] = fmt::format("{}-{}", first_seq, cut.last_seq);
  record["kind"] = "audit";
  record["reason"] = cut.reason;
  record["revision"] = cut.revision;
  record["seq"] = seq;
  record["subjects"] = made.subjects;
  made.text = text_of(record);
  return made;
}

TimeMs time_of(const std::string& record) {
  const auto json = ipam_api::parse_json("a record of the audit ledger", record);
  if (!json) {
    throw std::runtime_error(json.error().message());
  }
  const auto it = json->find("at_ms");
  if (it == json->end() || !it->is_number_integer()) {
    throw std::runtime_error("a record of the audit ledger has no at_ms");
  }
  return it->get<TimeMs>();
}

}  // namespace mooring::controller
