#include "ipam-controller/cli/holdings.hpp"

#include <fmt/format.h>

#include "ipam-controller/cli/output.hpp"

namespace mooring::ctl {
namespace {

std::int64_t time_at(const Json& object, std::string_view field) {
  const Json& value = field_at(object, field);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string text_at(const Json& object, std::string_view field) {
  return field_at(object, field).is_string() ? cell_of(object, field) : std::string();
}

std::string actor_of(const Json& record) {
  return fmt::format("{} {}", cell_of(record, "actor.kind"), cell_of(record, "actor.name"));
}

std::string addresses_of(const Json& object) {
  const std::string first = text_at(object, "address");
  const std::string second = text_at(object, "address6");
  return first.empty() || second.empty() ? first + second : first + ", " + second;
}

// Is it another container, or another address, than before?
bool moved(const Json& before, const Json& after) {
  return field_at(before, "generation") != field_at(after, "generation") || addresses_of(before) != addresses_of(after);
}

}  // namespace

void Holdings::open(const Json& record, const Json& object, bool pruned) {
  Holding holding;
  holding.kind = text_at(record, "kind");
  holding.addresses = addresses_of(object);
  holding.pod = text_at(object, "namespace") + "/" + text_at(object, "hostname");
  holding.network = text_at(object, "network");
  holding.node = holding.kind == "port" ? text_at(object, "node") : std::string();
  holding.mac = text_at(object, "mac");
  holding.from_ms = pruned ? time_at(object, "created_ms") : time_at(record, "at_ms");
  holding.by = pruned ? std::string() : actor_of(record);
  open_[holding.kind + " " + text_at(record, "key")] = all_.size();
  all_.push_back(std::move(holding));
}

void Holdings::close(const std::string& key, const Json& record) {
  const auto found = open_.find(key);
  if (found == open_.end()) {
    return;
  }
  Holding& holding = all_[found->second];
  const std::string reason = text_at(record, "reason");
  holding.to_ms = time_at(record, "at_ms");
  holding.ended_by = actor_of(record) + (reason.empty() ? "" : ": " + reason);
  open_.erase(found);
}

void Holdings::add(const Json& record) {
  const std::string kind = text_at(record, "kind");
  if (kind != "port" && kind != "binding") {
    return;
  }
  const std::string key = kind + " " + text_at(record, "key");
  const Json& before = field_at(record, "before");
  const Json& after = field_at(record, "after");
  if (before.is_object() && open_.count(key) == 0) {
    open(record, before, true);  // its beginning was pruned
  }
  if (before.is_object() && (!after.is_object() || moved(before, after))) {
    close(key, record);
  }
  if (after.is_object() && open_.count(key) == 0) {
    open(record, after, false);
  }
}

}  // namespace mooring::ctl
