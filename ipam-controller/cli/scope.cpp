#include "ipam-controller/cli/scope.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/cli/output.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

// The only port of a pod.
Result<Json> port_of_pod(ControllerSession& session, const Kind& kind, const std::string& text, const ObjectName& name,
                         const Scope& scope) {
  Scope narrowed = scope;
  narrowed.namespace_ = name.namespace_;
  narrowed.network = name.network;
  narrowed.hostname = name.hostname;
  const auto list = list_objects(session, kind, narrowed);
  if (!list) {
    return list.error();
  }
  std::vector<Json> found;
  const bool ordinal_given = std::count(text.begin(), text.end(), '/') == 3;
  for (const Json& port : (*list)["items"]) {
    if (cell_of(port, "hostname") == name.hostname &&
        (!ordinal_given || cell_of(port, "interface_ordinal") == name.ordinal)) {
      found.push_back(port);
    }
  }
  if (found.empty()) {
    return Error(Errc::not_found,
                 fmt::format("looking for the port of {}/{}: there is none", name.namespace_, name.hostname),
                 "list them: mooringctl get ports -n " + name.namespace_);
  }
  if (found.size() > 1) {
    std::string ids;
    for (const Json& port : found) {
      ids += (ids.empty() ? "" : ", ") + cell_of(port, "id");
    }
    return Error(Errc::conflict,
                 fmt::format("looking for the port of {}/{}: it has {}", name.namespace_, name.hostname, found.size()),
                 "name one by its id: " + ids);
  }
  return found.front();
}

}  // namespace

void Scope::add_options(CLI::App& command, bool filters) {
  command.add_option("-n,--namespace", namespace_, "Kubernetes namespace of bindings and ports")->type_name("NAME");
  command.add_option("--network", network, "network of what is listed or named")->type_name("NAME");
  if (filters) {
    command.add_option("--node", node, "only what is on this node")->type_name("NAME");
    command.add_option("--subnet", subnet, "only what is in this subnet")->type_name("NAME");
    command.add_option("--pool", pool, "only what is of this pool")->type_name("NAME");
    command.add_option("--hostname", hostname, "only hostnames like this: web-*, db-?")->type_name("PATTERN");
    command.add_option("--label", labels, "only what has this label; several: all of them")
        ->allow_extra_args(false)
        ->type_name("KEY=VALUE");
  }
}

ObjectName Scope::defaults() const {
  ObjectName name;
  name.network = network;
  name.namespace_ = namespace_;
  return name;
}

Result<std::string> Scope::list_target(const Kind& kind) const {
  std::vector<std::pair<std::string_view, std::string>> given{{"network", network}, {"namespace", namespace_},
                                                              {"node", node},       {"subnet", subnet},
                                                              {"pool", pool},       {"hostname", hostname}};
  given.emplace_back("label", fmt::format("{}", fmt::join(labels, ",")));
  std::string target = fmt::format("/v1/{}", kind.collection);
  char separator = '?';
  for (const auto& [filter, value] : given) {
    if (value.empty()) {
      continue;
    }
    if (std::find(kind.filters.begin(), kind.filters.end(), filter) == kind.filters.end()) {
      return Error(Errc::invalid_argument, fmt::format("{} have no {}", kind.collection, filter),
                   fmt::format("leave --{} away", filter));
    }
    target += fmt::format("{}{}={}", separator, filter, http::percent_encoded(value));
    separator = '&';
  }
  return target;
}

namespace {

// One page: {"items": […], "continue": "…", "revision": N}.
Result<Json> page_of(ControllerSession& session, const Kind& kind, std::string target, std::size_t limit,
                     const std::string& after) {
  target += fmt::format("{}limit={}", target.find('?') == target.npos ? '?' : '&', limit);
  if (!after.empty()) {
    target += "&continue=" + http::percent_encoded(after);
  }
  auto page = session.get(target);
  if (!page) {
    return page;
  }
  if (!page->is_object() || !page->contains("items") || !(*page)["items"].is_array()) {
    return Error(Errc::unavailable,
                 fmt::format("listing {}: the answer of {} is no list", kind.collection, session.endpoint()),
                 "is that a mooring-controller?");
  }
  return page;
}

}  // namespace

Result<Json> list_some(ControllerSession& session, const Kind& kind, const Scope& scope, std::size_t limit) {
  const auto target = scope.list_target(kind);
  return target ? page_of(session, kind, *target, limit, "") : Result<Json>(target.error());
}

Result<Json> list_objects(ControllerSession& session, const Kind& kind, const Scope& scope) {
  constexpr std::size_t page_items = 5000;
  const auto target = scope.list_target(kind);
  if (!target) {
    return target.error();
  }
  auto list = page_of(session, kind, *target, page_items, "");
  while (list && field_at(*list, "continue").is_string()) {
    auto next = page_of(session, kind, *target, page_items, (*list)["continue"].get<std::string>());
    if (!next) {
      return next;
    }
    Json& items = (*list)["items"];
    for (Json& item : (*next)["items"]) {
      items.push_back(std::move(item));
    }
    list->erase("continue");
    for (const char* key : {"continue", "revision"}) {
      if (next->contains(key)) {
        (*list)[key] = (*next)[key];
      }
    }
  }
  return list;
}

Result<Json> find_object(ControllerSession& session, const Kind& kind, const std::string& text, const Scope& scope) {
  const auto name = parse_object_name(kind, text, scope.defaults());
  if (!name) {
    return name.error();
  }
  if (kind.singular == "port" && name->name.empty()) {
    return port_of_pod(session, kind, text, *name, scope);
  }
  return session.get(path_of(kind, *name));
}

Result<std::string> find_path(ControllerSession& session, const Kind& kind, const std::string& text,
                              const Scope& scope) {
  auto name = parse_object_name(kind, text, scope.defaults());
  if (!name) {
    return name.error();
  }
  if (kind.singular == "port" && name->name.empty()) {
    const auto port = port_of_pod(session, kind, text, *name, scope);
    if (!port) {
      return port.error();
    }
    ObjectName by_id;
    by_id.name = cell_of(*port, "id");
    return path_of(kind, by_id);
  }
  return path_of(kind, *name);
}

}  // namespace mooring::ctl
