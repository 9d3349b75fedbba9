#include "cni-plugin/ovs_port.hpp"

#include <set>

#include <fmt/format.h>

namespace mooring::cni {
namespace {

constexpr const char* attachment_key = "mooring.attachment";

// Order of the operations of an insertion: a failed `wait` is known by its index.
enum Operation : std::size_t { bridge_is_there, name_is_free, insert_interface, insert_port, put_into_bridge, count };

Json name_is(const std::string& name) {
  return Json::array({Json::array({"name", "==", name})});
}

Json map_of(const std::map<std::string, std::string>& pairs) {
  Json list = Json::array();
  for (const auto& [key, value] : pairs) {
    list.push_back(Json::array({key, value}));
  }
  return Json::array({"map", std::move(list)});
}

// A `wait` with timeout 0 is a condition of the transaction: it fails at once if it does not hold.
Json condition(const char* table, const std::string& name, Json rows) {
  return {{"op", "wait"},        {"table", table}, {"where", name_is(name)},
          {"columns", {"name"}}, {"until", "=="},  {"rows", std::move(rows)},
          {"timeout", 0}};
}

Json insertion(const OvsPort& port) {
  Json interface = {{"name", port.name}, {"external_ids", map_of(port.external_ids)}};
  if (port.ofport != 0) {
    interface["ofport_request"] = port.ofport;
  }
  Json operations = Json::array();
  operations.push_back(condition("Bridge", port.bridge, Json::array({{{"name", port.bridge}}})));
  operations.push_back(condition("Port", port.name, Json::array()));
  operations.push_back({{"op", "insert"}, {"table", "Interface"}, {"row", interface}, {"uuid-name", "interface"}});
  operations.push_back({{"op", "insert"},
                        {"table", "Port"},
                        {"row", {{"name", port.name}, {"interfaces", Json::array({"named-uuid", "interface"})}}},
                        {"uuid-name", "port"}});
  operations.push_back(
      {{"op", "mutate"},
       {"table", "Bridge"},
       {"where", name_is(port.bridge)},
       {"mutations", Json::array({Json::array({"ports", "insert", Json::array({"named-uuid", "port"})})})}});
  // vswitchd copies next_cfg to cur_cfg when it has done all that was asked so far.
  operations.push_back({{"op", "mutate"},
                        {"table", "Open_vSwitch"},
                        {"where", Json::array()},
                        {"mutations", Json::array({Json::array({"next_cfg", "+=", 1})})}});
  return operations;
}

Error refused(const OvsPort& port, const TransactionFailure& failure) {
  const std::string doing = fmt::format("adding port {} to bridge {}", port.name, port.bridge);
  const bool condition_failed = failure.error == "timed out";
  if (condition_failed && failure.operation == bridge_is_there) {
    return Error(Errc::unavailable, doing + ": Open vSwitch has no such bridge",
                 "mooring-agent makes it: systemctl status mooring-agent");
  }
  if (condition_failed && failure.operation == name_is_free) {
    return Error(Errc::already_exists, doing + ": there is a port of that name",
                 "it is left from an earlier ADD of this attachment: CNI DEL removes it");
  }
  return Error(Errc::io, fmt::format("{}: Open vSwitch refused: {}{}{}", doing, failure.error,
                                     failure.details.empty() ? "" : ": ", failure.details));
}

Json selection(const char* table, Json where, Json columns) {
  return {{"op", "select"}, {"table", table}, {"where", std::move(where)}, {"columns", std::move(columns)}};
}

Result<Json> succeeded(Result<Json> results, std::string_view doing) {
  if (!results) {
    return results.error();
  }
  if (const auto failure = failure_of(*results)) {
    return Error(Errc::io, fmt::format("{}: Open vSwitch refused: {} {}", doing, failure->error, failure->details));
  }
  return results;
}

// Of a `select` result.
const Json& rows_of(const Json& results, std::size_t operation) {
  static const Json none = Json::array();
  if (operation >= results.size() || !results[operation].is_object()) {
    return none;
  }
  const auto rows = results[operation].find("rows");
  return rows != results[operation].end() && rows->is_array() ? *rows : none;
}

}  // namespace

Result<void> begin_adding(OvsdbClient& ovsdb, const OvsPort& port) {
  return ovsdb.send_transaction(insertion(port));
}

Result<void> finish_adding(OvsdbClient& ovsdb, const OvsPort& port) {
  const auto results = ovsdb.receive_results();
  if (!results) {
    return results.error();
  }
  if (const auto failure = failure_of(*results)) {
    return refused(port, *failure);
  }
  return ok();
}

Result<std::vector<std::string>> ports_of(OvsdbClient& ovsdb, const agent_api::Attachment& attachment) {
  const std::string doing = "finding the OVS port of " + attachment.str();
  const Json is_attachment =
      Json::array({Json::array({"external_ids", "includes", map_of({{attachment_key, attachment.str()}})})});
  const Json operations =
      Json::array({selection("Port", name_is(agent_api::host_interface_name(attachment)), Json::array({"name"})),
                   selection("Interface", is_attachment, Json::array({"name"}))});
  const auto results = succeeded(ovsdb.transact(operations), doing);
  if (!results) {
    return results.error();
  }
  std::set<std::string> names;
  for (const std::size_t operation : {0U, 1U}) {
    for (const Json& row : rows_of(*results, operation)) {
      names.insert(row.value("name", ""));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<void> remove_ports_of(OvsdbClient& ovsdb, const agent_api::Attachment& attachment) {
  const std::string doing = "removing the OVS port of " + attachment.str();
  const auto names = ports_of(ovsdb, attachment);
  if (!names) {
    return names.error();
  }
  if (names->empty()) {
    return ok();
  }
  Json find = Json::array();
  for (const std::string& name : *names) {
    find.push_back(selection("Port", name_is(name), Json::array({"_uuid"})));
  }
  const auto found = succeeded(ovsdb.transact(find), doing);
  if (!found) {
    return found.error();
  }
  Json remove = Json::array();
  for (std::size_t i = 0; i < names->size(); ++i) {
    for (const Json& row : rows_of(*found, i)) {
      // Port and Interface rows that nothing refers to go by themselves.
      const Json ports = Json::array({"set", Json::array({row.at("_uuid")})});
      remove.push_back({{"op", "mutate"},
                        {"table", "Bridge"},
                        {"where", Json::array({Json::array({"ports", "includes", ports})})},
                        {"mutations", Json::array({Json::array({"ports", "delete", ports})})}});
    }
  }
  const auto removed = succeeded(ovsdb.transact(remove), doing);
  return removed ? ok() : Result<void>(removed.error());
}

}  // namespace mooring::cni
