#include "ipam-controller/store/audit_record.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ipam-controller/domain/object_json.hpp"

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

// One side of a change: its JSON (null: not there), its kind and key, and its subjects.
struct Side {
  Json json;
  std::string_view kind;
  std::string key;
};
struct Look {
  Subjects& subjects;

  template <class T>
  Side operator()(const T& object) const {
    add_subjects(subjects, object);
    return {to_json(object), kind_name<T>(), key_text(object.key())};
  }
  template <class T>
  Side operator()(const Erase<T>& erased) const {
    return {nullptr, kind_name<T>(), key_text(erased.key)};
  }
};

// The caller's words may be of any bytes; what is no UTF-8 is replaced.
std::string dumped(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const Actor& actor) {
  return {{"kind", to_string(actor.kind)}, {"name", actor.name}, {"from", actor.from}};
}

}  // namespace

AuditText audit_text(AuditSeq seq, const AuditEntry& entry) {
  AuditText made;
  Side before = std::visit(Look{made.subjects}, entry.before);
  Side after = std::visit(Look{made.subjects}, entry.after);
  const char* action = before.json.is_null() ? "create" : after.json.is_null() ? "delete" : "change";
  Json record = Json::object();
  record["action"] = action;
  record["actor"] = json_of(entry.actor);
  record["after"] = std::move(after.json);
  record["at_ms"] = entry.at_ms;
  record["before"] = std::move(before.json);
  record["key"] = std::move(after.key);
  record["kind"] = after.kind;
  record["reason"] = entry.reason;
  record["revision"] = entry.revision;
  record["seq"] = seq;
  record["subjects"] = made.subjects;
  made.text = dumped(record);
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
  made.text = dumped(record);
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
