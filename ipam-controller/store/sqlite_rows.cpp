#include "ipam-controller/store/sqlite_rows.hpp"

#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/domain/object_json.hpp"
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
net::IpAddress address_from(SqliteStatement& row) {
  return good(net::IpAddress::parse(row.text()));
}
void add_address(net::AddressPair& addresses, const std::string& text) {
  if (!text.empty()) {
    addresses.set(good(net::IpAddress::parse(text)));
  }
}
std::string cell_of(const std::optional<net::IpAddress>& address) {
  return address ? address->str() : std::string();
}
std::string cell_of(const Labels& labels) {
  return labels.empty() ? std::string() : Json(labels).dump();
}
Labels labels_from(SqliteStatement& row) {
  const std::string text = row.text();
  return text.empty() ? Labels() : good(ipam_api::labels_from(good(ipam_api::parse_json("labels", text))));
}
std::uint64_t unsigned_of(TimeMs time) {
  return static_cast<std::uint64_t>(time);
}

// The name of an object in table `object`.
std::string object_name(const std::string& name) {
  return name;
}
std::string object_name(const PortAddress& key) {
  return fmt::format("{}/{}", key.vni.value(), key.address.str());
}

// Of table `object`: what is kept, and back.
template <class T>
std::string body_of(const T& object) {
  Json json = to_json(object);
  if constexpr (std::is_same_v<T, Webhook>) {
    json["secret"] = object.secret;  // never shown, but kept
  }
  return json.dump();
}
template <class T>
struct Reader;
#define MOORING_OBJECT(T, read_it)                                    \
  template <>                                                         \
  struct Reader<T> {                                                  \
    static Result<T> read(const Json& json) { return read_it(json); } \
  };
MOORING_OBJECT(Network, network_from)
MOORING_OBJECT(Subnet, subnet_from)
MOORING_OBJECT(Pool, pool_from)
MOORING_OBJECT(Reservation, reservation_from)
MOORING_OBJECT(Rule, rule_from)
MOORING_OBJECT(Node, node_from)
MOORING_OBJECT(Gateway, gateway_from)
MOORING_OBJECT(Vip, vip_from)
MOORING_OBJECT(Webhook, webhook_from)
MOORING_OBJECT(AddressList, address_list_from)
MOORING_OBJECT(AccessRule, access_rule_from)
MOORING_OBJECT(ListedBlock, listed_block_from)
MOORING_OBJECT(Block, block_from)
MOORING_OBJECT(ExtraAddress, extra_address_from)
#undef MOORING_OBJECT

template <class T>
concept ColdObject = requires(const Json& json) {
  Reader<T>::read(json);
};

// Table<T>: name, columns of the key, other columns, and both directions for the other columns (`bind` and `read` in
// the order of the columns; `read` begins with the key).
template <class T>
struct Table;

template <>
struct Table<Binding> {
  static constexpr std::string_view name = "binding";
  static Columns key() { return {"network", "namespace", "hostname", "interface_ordinal"}; }
  static Columns others() {
    return {"kind",   "subnet", "pool",   "address",  "address6",  "mac",        "retention",  "workload",
            "labels", "note",   "origin", "last_uid", "last_node", "created_ms", "expires_ms", "revision"};
  }
  static void bind(SqliteStatement& row, const Binding& o) {
    row.bind(to_string(o.kind)).bind(o.subnet).bind(o.pool);
    row.bind(cell_of(o.addresses.v4())).bind(cell_of(o.addresses.v6())).bind(o.mac.str());
    row.bind(o.retention.str()).bind(o.workload).bind(cell_of(o.labels)).bind(o.note).bind(to_string(o.origin));
    row.bind(o.last_uid).bind(o.last_node).bind(unsigned_of(o.created_ms)).bind(unsigned_of(o.expires_ms));
    row.bind(o.revision);
  }
  static Binding read(SqliteStatement& row) {
    Binding o;
    o.owner = owner_from(row);
    o.kind = good(ipam_api::parse_kind(row.text()));
    o.subnet = row.text();
    o.pool = row.text();
    add_address(o.addresses, row.text());
    add_address(o.addresses, row.text());
    o.mac = good(net::MacAddress::parse(row.text()));
    o.retention = good(ipam_api::parse_retention(row.text()));
    o.workload = row.text();
    o.labels = labels_from(row);
    o.note = row.text();
    o.origin = good(parse_origin(row.text()));
    o.last_uid = row.text();
    o.last_node = row.text();
    o.created_ms = static_cast<TimeMs>(row.number());
    o.expires_ms = static_cast<TimeMs>(row.number());
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Port> {
  static constexpr std::string_view name = "port";
  static Columns key() { return {"vni", "address"}; }
  static Columns others() {
    return {"address6", "id",      "network",  "namespace", "hostname",   "interface_ordinal",
            "kind",     "subnet",  "pool",     "mac",       "node",       "container_id",
            "ifname",   "pod_uid", "workload", "labels",    "created_ms", "generation",
            "state",    "revision"};
  }
  static void bind(SqliteStatement& row, const Port& o) {
    row.bind(o.addresses.dual() ? cell_of(o.addresses.v6()) : std::string()).bind(o.id);
    bind_key(row, o.owner);
    row.bind(to_string(o.kind)).bind(o.subnet).bind(o.pool).bind(o.mac.str()).bind(o.node);
    row.bind(o.attachment.container_id).bind(o.attachment.ifname).bind(o.pod_uid).bind(o.workload);
    row.bind(cell_of(o.labels)).bind(unsigned_of(o.created_ms)).bind(o.generation);
    row.bind(to_string(o.state)).bind(o.revision);
  }
  static Port read(SqliteStatement& row) {
    Port o;
    o.vni = vni_from(row);
    add_address(o.addresses, row.text());
    add_address(o.addresses, row.text());
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
    o.workload = row.text();
    o.labels = labels_from(row);
    o.created_ms = static_cast<TimeMs>(row.number());
    o.generation = row.number();
    o.state = good(parse_port_state(row.text()));
    o.revision = row.number();
    return o;
  }
};

template <>
struct Table<Resting> {
  static constexpr std::string_view name = "resting";
  static Columns key() { return {"vni", "address"}; }
  static Columns others() {
    return {"pool", "network", "namespace", "hostname", "interface_ordinal", "until_ms", "revision"};
  }
  static void bind(SqliteStatement& row, const Resting& o) {
    row.bind(o.pool);
    bind_key(row, o.last_owner);
    row.bind(unsigned_of(o.until_ms)).bind(o.revision);
  }
  static Resting read(SqliteStatement& row) {
    Resting o;
    o.vni = vni_from(row);
    o.address = address_from(row);
    o.pool = row.text();
    o.last_owner = owner_from(row);
    o.until_ms = static_cast<TimeMs>(row.number());
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
  explicit Tables(SqliteConnection& c)
      : connection(c),
        put_object(c,
                   "INSERT INTO object (kind, name, body, revision) VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO "
                   "UPDATE SET body = excluded.body, revision = excluded.revision"),
        erase_object(c, "DELETE FROM object WHERE kind = ? AND name = ?"),
        all(c, c, c, c) {}

  template <ColdObject T>
  void write(const T& object) {
    put_object.bind(kind_name<T>()).bind(object_name(object.key())).bind(body_of(object)).bind(object.revision).run();
  }
  template <class T>
  void write(const Erase<T>& erased) requires ColdObject<T> {
    erase_object.bind(kind_name<T>()).bind(object_name(erased.key)).run();
  }
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

  template <ColdObject T>
  static T object_from(SqliteStatement& row) {
    const std::string body = row.text();
    T object = good(Reader<T>::read(good(ipam_api::parse_json("body", body))));
    object.revision = row.number();
    return object;
  }
  template <class T>
  void load(const std::function<void(const Write&)>& each) {
    std::string sql, table;
    if constexpr (ColdObject<T>) {
      table = kind_name<T>();
      sql = fmt::format("SELECT body, revision FROM object WHERE kind = '{}'", table);
    } else {
      table = Table<T>::name;
      sql = fmt::format("SELECT {} FROM {}", joined(all_columns<T>(), "{}", ", "), table);
    }
    SqliteStatement rows(connection, sql);
    std::size_t count = 0;
    try {
      for (; rows.step(); ++count) {
        if constexpr (ColdObject<T>) {
          each(object_from<T>(rows));
        } else {
          each(Table<T>::read(rows));
        }
      }
    } catch (const SqliteFailure&) {
      throw;
    } catch (const std::exception& bad) {
      throw std::runtime_error(fmt::format("row {} of {}: {}", count + 1, table, bad.what()));
    }
  }

  SqliteConnection& connection;
  SqliteStatement put_object;
  SqliteStatement erase_object;
  std::tuple<Statements<Binding>, Statements<Port>, Statements<Resting>, Statements<FencedUid>> all;
};

SqliteRows::SqliteRows(SqliteConnection& connection) : tables_(std::make_unique<Tables>(connection)) {}
SqliteRows::~SqliteRows() = default;

void SqliteRows::write(const Write& row) {
  std::visit([this](const auto& one) { tables_->write(one); }, row);
}

void SqliteRows::load(const std::function<void(const Write&)>& each) {
  // Each page is read once. A large cache would fill, and lie between the objects that stay: memory that nobody gets
  // back.
  SqliteConnection& connection = tables_->connection;
  const auto usual_cache = connection.query_number("PRAGMA cache_size");
  connection.execute("PRAGMA cache_size = -1024");
  tables_->load<Network>(each);
  tables_->load<Subnet>(each);
  tables_->load<Pool>(each);
  tables_->load<Reservation>(each);
  tables_->load<Rule>(each);
  tables_->load<Node>(each);
  tables_->load<Gateway>(each);
  tables_->load<Vip>(each);
  tables_->load<Webhook>(each);
  tables_->load<AddressList>(each);
  tables_->load<AccessRule>(each);
  tables_->load<ListedBlock>(each);
  tables_->load<Block>(each);
  tables_->load<ExtraAddress>(each);
  tables_->load<Binding>(each);
  tables_->load<Port>(each);
  tables_->load<Resting>(each);
  tables_->load<FencedUid>(each);
  connection.execute(fmt::format("PRAGMA cache_size = {}", usual_cache));
}

}  // namespace mooring::controller
