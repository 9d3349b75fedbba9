// The options -n, --network, --node, --subnet, --pool, --hostname and --label, and finding the objects that a command
// names under them. Threading: values.
#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "ipam-controller/cli/controller_session.hpp"
#include "ipam-controller/cli/kinds.hpp"

namespace mooring::ctl {

struct Scope {
  std::string namespace_;
  std::string network;
  std::string node, subnet, pool, hostname;  // hostname is a pattern
  std::vector<std::string> labels;           // "app=shop"

  // -n and --network, which names need; `filters`: those of lists too.
  void add_options(CLI::App& command, bool filters);
  ObjectName defaults() const;
  // "/v1/ports?namespace=prod"; a filter that the kind does not have is an error.
  Result<std::string> list_target(const Kind& kind) const;
};

// {"items": […], "revision": N}: all pages, with the revision of the last.
Result<Json> list_objects(ControllerSession& session, const Kind& kind, const Scope& scope);
// Without paging: the first `limit` of them.
Result<Json> list_some(ControllerSession& session, const Kind& kind, const Scope& scope, std::size_t limit);
// The object called `text`. A port may be named by its pod, if it has only one.
Result<Json> find_object(ControllerSession& session, const Kind& kind, const std::string& text, const Scope& scope);
// Its path in the API, for DELETE.
Result<std::string> find_path(ControllerSession& session, const Kind& kind, const std::string& text,
                              const Scope& scope);

}  // namespace mooring::ctl
