#include "mooring/ovs/ovsdb_rows.hpp"

#include "mooring/ovs/flow_text.hpp"

namespace mooring::ovs {

namespace {

StringMap map_from(const mo_pair* pairs, std::size_t n) {
  StringMap map;
  for (std::size_t i = 0; i < n; ++i) {
    map.emplace(pairs[i].key, pairs[i].value);
  }
  return map;
}

struct Reading {
  OvsdbState state;
  const OvsdbState& before;
};

void read_root(void* aux, const mo_db_root* row) {
  OvsdbState& state = static_cast<Reading*>(aux)->state;
  state.database_id = row->id;
  state.ovs_version = row->ovs_version;
  for (std::size_t i = 0; i < row->n_datapath_types; ++i) {
    state.datapath_types.emplace(row->datapath_types[i]);
  }
  state.external_ids = map_from(row->external_ids, row->n_external_ids);
  state.other_config = map_from(row->other_config, row->n_other_config);
  state.next_cfg = row->next_cfg;
  state.cur_cfg = row->cur_cfg;
}

void read_bridge(void* aux, const mo_db_bridge* row) {
  OvsBridge bridge{row->name, row->datapath_type, row->datapath_id, row->fail_mode, {}};
  static_cast<Reading*>(aux)->state.bridges.emplace(row->name, std::move(bridge));
}

std::optional<std::uint32_t> ofport_of(const mo_db_interface& row) {
  return row.has_ofport && row.ofport >= 0 ? std::optional(static_cast<std::uint32_t>(row.ofport)) : std::nullopt;
}

bool is_same(const StringMap& map, const mo_pair* pairs, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto found = map.find(std::string_view(pairs[i].key));
    if (found == map.end() || found->second != pairs[i].value) {
      return false;
    }
  }
  return map.size() == n;
}

// Of a thousand rows one has changed: the others are compared, not copied.
bool is_same(const OvsInterface& interface, const mo_db_interface& row) {
  return interface.name == row.name && interface.port == row.port && interface.type == row.type &&
         interface.ofport == ofport_of(row) && interface.error == row.error && interface.mac_in_use == row.mac_in_use &&
         is_same(interface.external_ids, row.external_ids, row.n_external_ids) &&
         is_same(interface.options, row.options, row.n_options) && is_same(interface.bfd, row.bfd, row.n_bfd) &&
         interface.bfd_forwarding == (row.bfd_forwarding != 0);
}

OvsInterface interface_of(const mo_db_interface* row) {
  OvsInterface interface;
  interface.name = row->name;
  interface.port = row->port;
  interface.type = row->type;
  interface.ofport = ofport_of(*row);
  interface.error = row->error;
  interface.mac_in_use = row->mac_in_use;
  interface.external_ids = map_from(row->external_ids, row->n_external_ids);
  interface.options = map_from(row->options, row->n_options);
  interface.bfd = map_from(row->bfd, row->n_bfd);
  interface.bfd_forwarding = row->bfd_forwarding != 0;
  return interface;
}

int unchanged_interface(void* aux, const char* bridge_name, const char* port, const char* name) {
  auto& reading = *static_cast<Reading*>(aux);
  const OvsBridge* bridge = reading.before.bridge(bridge_name);
  if (bridge == nullptr) {
    return 0;
  }
  const auto old = bridge->interfaces.find(std::string_view(name));
  if (old == bridge->interfaces.end() || old->second->port != port) {
    return 0;
  }
  reading.state.bridges[bridge_name].interfaces.insert_or_assign(old->first, old->second);
  return 1;
}

void read_interface(void* aux, const mo_db_interface* row) {
  auto& reading = *static_cast<Reading*>(aux);
  std::shared_ptr<const OvsInterface> value;
  if (const OvsBridge* bridge = reading.before.bridge(row->bridge)) {
    const auto old = bridge->interfaces.find(std::string_view(row->name));
    if (old != bridge->interfaces.end() && is_same(*old->second, *row)) {
      value = old->second;
    }
  }
  if (!value) {
    value = std::make_shared<const OvsInterface>(interface_of(row));
  }
  reading.state.bridges[row->bridge].interfaces.insert_or_assign(value->name, value);
}

class Pairs {
 public:
  explicit Pairs(const StringMap& map) {
    for (const auto& [key, value] : map) {
      pairs_.push_back({key.c_str(), value.c_str()});
    }
  }
  const mo_pair* data() const { return pairs_.data(); }
  std::size_t size() const { return pairs_.size(); }

 private:
  std::vector<mo_pair> pairs_;
};

mo_txn_problem write(mo_txn* txn, const EnsureBridge& wanted, char** error) {
  std::vector<const char*> protocols;
  for (const std::string& protocol : wanted.protocols) {
    protocols.push_back(protocol.c_str());
  }
  const Pairs other_config(wanted.other_config);
  const Pairs external_ids(wanted.external_ids);
  mo_bridge_wish wish{};
  wish.name = wanted.name.c_str();
  wish.datapath_type = wanted.datapath_type.c_str();
  wish.fail_mode = wanted.fail_mode.c_str();
  wish.protocols = protocols.data();
  wish.n_protocols = protocols.size();
  wish.other_config = other_config.data();
  wish.n_other_config = other_config.size();
  wish.external_ids = external_ids.data();
  wish.n_external_ids = external_ids.size();
  return mo_txn_ensure_bridge(txn, &wish, error);
}

mo_txn_problem write(mo_txn* txn, const DeleteBridge& wanted, char** error) {
  return mo_txn_delete_bridge(txn, wanted.name.c_str(), error);
}

mo_txn_problem write(mo_txn* txn, const AddPort& wanted, char** error) {
  const Pairs options(wanted.options);
  const Pairs external_ids(wanted.external_ids);
  const Pairs bfd(wanted.bfd);
  mo_port_wish wish{};
  wish.bridge = wanted.bridge.c_str();
  wish.name = wanted.name.c_str();
  wish.type = wanted.type.c_str();
  wish.mac = wanted.mac.c_str();
  wish.ofport_request = wanted.ofport_request;
  wish.mtu_request = wanted.mtu_request;
  wish.options = options.data();
  wish.n_options = options.size();
  wish.external_ids = external_ids.data();
  wish.n_external_ids = external_ids.size();
  wish.bfd = bfd.data();
  wish.n_bfd = bfd.size();
  return mo_txn_add_port(txn, &wish, error);
}

mo_txn_problem write(mo_txn* txn, const DeletePort& wanted, char** error) {
  return mo_txn_delete_port(txn, wanted.bridge.c_str(), wanted.name.c_str(), error);
}

mo_txn_problem write(mo_txn* txn, const SetOtherConfig& wanted, char**) {
  const Pairs pairs(wanted.other_config);
  mo_txn_set_other_config(txn, pairs.data(), pairs.size());
  return MO_OK;
}

}  // namespace

OvsdbState read_state(mo_db* db, const OvsdbState& before) {
  Reading reading{{}, before};
  const mo_db_reader reader{read_root, read_bridge, unchanged_interface, read_interface};
  mo_db_read(db, &reader, &reading);
  return std::move(reading.state);
}

Result<void> write_operations(mo_txn* txn, const std::vector<OvsdbOperation>& operations) {
  for (const OvsdbOperation& operation : operations) {
    char* raw = nullptr;
    const mo_txn_problem problem = std::visit([&](const auto& wanted) { return write(txn, wanted, &raw); }, operation);
    const ShimText text(raw);
    if (problem != MO_OK) {
      return Error(problem == MO_NOT_FOUND ? Errc::not_found : Errc::conflict, text ? text.get() : "");
    }
  }
  return ok();
}

}  // namespace mooring::ovs
