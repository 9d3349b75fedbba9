#include "ipam-controller/store/sqlite_rows.hpp"

#include <stdexcept>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {
namespace {

using ipam_api::Json;
using Columns = std::vector<std::string_view>;

template <class T>
T good(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().message());
  }
  return std::move(*result);
}

template <class T>
std::string json_text(const std::vector<T>& list) {
  Json json = Json::array();
  for (const T& item : list) {
    if constexpr (requires { item.str(); }) {
      json.push_back(item.str());
    } else {
      json.push_back(to_json(item));
    }
  }
  return json.dump();
}

std::vector<net::AddressRange> ranges_from(const std::string& text) {
  std::vector<net::AddressRange> ranges;
  for (const Json& item : good(ipam_api::parse_json("ranges", text))) {
    ranges.push_back(good(net::AddressRange::parse(item.get<std::string>())));
  }
  return ranges;
}

void bind_key(SqliteStatement& row, const std::string& name) {
  row.bind(name);
}
void bind_key(SqliteStatement& row, const BindingKey& key) {
  row.bind(key.network).bind(key.namespace_).bind(key.hostname).bind(key.interface_ordinal);
}
void bind_key(SqliteStatement& row, const PortAddress& key) {
  row.bind(key.vni.value()).bind(key.address.str());
}
void bind_key(SqliteStatement& row, const FencedUid::Key& key) {
  bind_key(row, key.owner);
  row.bind(key.uid);
}

BindingKey owner_from(SqliteStatement& row) {
  BindingKey owner;
  owner.network = row.text();
  owner.namespace_ = row.text();
  owner.hostname = row.text();
  owner.interface_ordinal = static_cast<std::uint32_t>(row.number());
  return owner;
}

net::Vni vni_from(SqliteStatement& row) {
  return good(net::Vni::from(row.number()));
}
net::Ipv4Address address_from(SqliteStatement& row) {
  return good(net::Ipv4Address::parse(row.text()));
}

// Table<T>: name, columns of the key, other columns, and both directions for the other columns (`bind` and `read` in
// the order of the columns; `read` begins with the key).
template <class T>
struct Table;

template <>
struct Table<Network> {
  static constexpr std::string_view name = "network";
  static Columns key() { return {"name"}; }
  static Columns others() { return {"isolated", "revision"}; }
  static void bind(SqliteStatement& row, const Network& o) { row.bind(std::uint64_t{o.isolated}).bind(o.revision); }
  static Network read(SqliteStatement& row) {
    Network o;
    o.name = row.text();
    o.isolated = row.number() != 0;
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Subnet> {
  static constexpr std::string_view name = "subnet";
  static Columns key() { return {"name"}; }
  static Columns others() { return {"network", "vni", "cidr", "gateway", "mtu_bytes", "dns", "routes", "revision"}; }
  static void bind(SqliteStatement& row, const Subnet& o) {
    row.bind(o.network).bind(o.vni.value()).bind(o.cidr.str()).bind(o.gateway.str()).bind(o.mtu_bytes);
    row.bind(to_json(o.dns).dump()).bind(json_text(o.routes)).bind(o.revision);
  }
  static Subnet read(SqliteStatement& row) {
    Subnet o;
    o.name = row.text();
    o.network = row.text();
    o.vni = vni_from(row);
    o.cidr = good(net::Cidr::parse(row.text()));
    o.gateway = address_from(row);
    o.mtu_bytes = static_cast<std::uint32_t>(row.number());
    o.dns = good(ipam_api::dns_from(good(ipam_api::parse_json("dns", row.text()))));
    for (const Json& route : good(ipam_api::parse_json("routes", row.text()))) {
      o.routes.push_back(good(ipam_api::route_from(route)));
    }
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Pool> {
  static constexpr std::string_view name = "pool";
  static Columns key() { return {"name"}; }
  static Columns others() { return {"subnet", "ranges", "exclusions", "kind", "is_default", "revision"}; }
  static void bind(SqliteStatement& row, const Pool& o) {
    row.bind(o.subnet).bind(json_text(o.ranges)).bind(json_text(o.exclusions)).bind(to_string(o.kind));
    row.bind(std::uint64_t{o.is_default}).bind(o.revision);
  }
  static Pool read(SqliteStatement& row) {
    Pool o;
    o.name = row.text();
    o.subnet = row.text();
    o.ranges = ranges_from(row.text());
    o.exclusions = ranges_from(row.text());
    o.kind = good(ipam_api::parse_kind(row.text()));
    o.is_default = row.number() != 0;
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Node> {
  static constexpr std::string_view name = "node";
  static Columns key() { return {"name"}; }
  static Columns others() { return {"machine_id", "vtep", "version", "revision"}; }
  static void bind(SqliteStatement& row, const Node& o) {
    row.bind(o.machine_id).bind(o.vtep.str()).bind(o.version).bind(o.revision);
  }
  static Node read(SqliteStatement& row) {
    Node o;
    o.name = row.text();
    o.machine_id = row.text();
    o.vtep = address_from(row);
    o.version = row.text();
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Gateway> {
  static constexpr std::string_view name = "gateway";
  static Columns key() { return {"name"}; }
  static Columns others() { return {"machine_id", "vtep", "version", "network", "revision"}; }
  static void bind(SqliteStatement& row, const Gateway& o) {
    row.bind(o.machine_id).bind(o.vtep.str()).bind(o.version).bind(o.network).bind(o.revision);
  }
  static Gateway read(SqliteStatement& row) {
    Gateway o;
    o.name = row.text();
    o.machine_id = row.text();
    o.vtep = address_from(row);
    o.version = row.text();
    o.network = row.text();
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Binding> {
  static constexpr std::string_view name = "binding";
  static Columns key() { return {"network", "namespace", "hostname", "interface_ordinal"}; }
  static Columns others() { return {"kind", "subnet", "pool", "address", "mac", "last_uid", "last_node", "revision"}; }
  static void bind(SqliteStatement& row, const Binding& o) {
    row.bind(to_string(o.kind)).bind(o.subnet).bind(o.pool).bind(o.address.str()).bind(o.mac.str());
    row.bind(o.last_uid).bind(o.last_node).bind(o.revision);
  }
  static Binding read(SqliteStatement& row) {
    Binding o;
    o.owner = owner_from(row);
    o.kind = good(ipam_api::parse_kind(row.text()));
    o.subnet = row.text();
    o.pool = row.text();
    o.address = address_from(row);
    o.mac = good(net::MacAddress::parse(row.text()));
    o.last_uid = row.text();
    o.last_node = row.text();
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Port> {
  static constexpr std::string_view name = "port";
  static Columns key() { return {"vni", "address"}; }
  static Columns others() {
    return {"id",  "network", "namespace",    "hostname", "interface_ordinal", "kind",       "subnet", "pool",
            "mac", "node",    "container_id", "ifname",   "pod_uid",           "generation", "state",  "revision"};
  }
  static void bind(SqliteStatement& row, const Port& o) {
    row.bind(o.id);
    bind_key(row, o.owner);
    row.bind(to_string(o.kind)).bind(o.subnet).bind(o.pool).bind(o.mac.str()).bind(o.node);
    row.bind(o.attachment.container_id).bind(o.attachment.ifname).bind(o.pod_uid).bind(o.generation);
    row.bind(to_string(o.state)).bind(o.revision);
  }
  static Port read(SqliteStatement& row) {
    Port o;
    o.vni = vni_from(row);
    o.address = address_from(row);
    o.id = row.text();
    o.owner = owner_from(row);
    o.kind = good(ipam_api::parse_kind(row.text()));
    o.subnet = row.text();
    o.pool = row.text();
    o.mac = good(net::MacAddress::parse(row.text()));
    o.node = row.text();
    o.attachment.container_id = row.text();
    o.attachment.ifname = row.text();
    o.pod_uid = row.text();
    o.generation = row.number();
    o.state = good(parse_port_state(row.text()));
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<FencedUid> {
  static constexpr std::string_view name = "fenced_uid";
  static Columns key() { return {"network", "namespace", "hostname", "interface_ordinal", "uid"}; }
  static Columns others() { return {"revision"}; }
  static void bind(SqliteStatement& row, const FencedUid& o) { row.bind(o.revision); }
  static FencedUid read(SqliteStatement& row) {
    FencedUid o;
    o.owner = owner_from(row);
    o.uid = row.text();
    o.revision = row.number();
    return o;
  }
};

std::string joined(const Columns& columns, std::string_view form, std::string_view between) {
  std::string text;
  for (const std::string_view column : columns) {
    text += text.empty() ? "" : between;
    text += fmt::format(fmt::runtime(form), column);
  }
  return text;
}

template <class T>
Columns all_columns() {
  Columns columns = Table<T>::key();
  const Columns others = Table<T>::others();
  columns.insert(columns.end(), others.begin(), others.end());
  return columns;
}

template <class T>
std::string put_sql() {
  const Columns columns = all_columns<T>();
  return fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}", Table<T>::name,
                     joined(columns, "{}", ", "), joined(columns, "?", ", "), joined(Table<T>::key(), "{}", ", "),
                     joined(Table<T>::others(), "{0} = excluded.{0}", ", "));
}

template <class T>
std::string erase_sql() {
  return fmt::format("DELETE FROM {} WHERE {}", Table<T>::name, joined(Table<T>::key(), "{} = ?", " AND "));
}

template <class T>
struct Statements {
  explicit Statements(SqliteConnection& connection)
      : put(connection, put_sql<T>()), erase(connection, erase_sql<T>()) {}
  SqliteStatement put;
  SqliteStatement erase;
};

}  // namespace

struct SqliteRows::Tables {
  explicit Tables(SqliteConnection& c) : connection(c), all(c, c, c, c, c, c, c, c) {}

  template <class T>
  void write(const T& object) {
    SqliteStatement& row = std::get<Statements<T>>(all).put;
    bind_key(row, object.key());
    Table<T>::bind(row, object);
    row.run();
  }
  template <class T>
  void write(const Erase<T>& erased) {
    SqliteStatement& row = std::get<Statements<T>>(all).erase;
    bind_key(row, erased.key);
    row.run();
  }
  template <class T>
  void load(const std::function<void(const Write&)>& each) {
    SqliteStatement rows(connection,
                         fmt::format("SELECT {} FROM {}", joined(all_columns<T>(), "{}", ", "), Table<T>::name));
    std::size_t count = 0;
    try {
      for (; rows.step(); ++count) {
        each(Table<T>::read(rows));
      }
    } catch (const SqliteFailure&) {
      throw;
    } catch (const std::exception& bad) {
      throw std::runtime_error(fmt::format("row {} of table {}: {}", count + 1, Table<T>::name, bad.what()));
    }
  }

  SqliteConnection& connection;
  std::tuple<Statements<Network>, Statements<Subnet>, Statements<Pool>, Statements<Node>, Statements<Gateway>,
             Statements<Binding>, Statements<Port>, Statements<FencedUid>>
      all;
};

SqliteRows::SqliteRows(SqliteConnection& connection) : tables_(std::make_unique<Tables>(connection)) {}
SqliteRows::~SqliteRows() = default;

void SqliteRows::write(const Write& row) {
  std::visit([this](const auto& one) { tables_->write(one); }, row);
}

void SqliteRows::load(const std::function<void(const Write&)>& each) {
  tables_->load<Network>(each);
  tables_->load<Subnet>(each);
  tables_->load<Pool>(each);
  tables_->load<Node>(each);
  tables_->load<Gateway>(each);
  tables_->load<Binding>(each);
  tables_->load<Port>(each);
  tables_->load<FencedUid>(each);
}

}  // namespace mooring::controller
