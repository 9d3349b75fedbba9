// Makes a controller's store with many bindings or ports, by the store's own code: what a controller has after months,
// in seconds. 16 subnets (/16 each), names as long as Kubernetes' and containerd's.
#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "ipam-controller/store/sqlite_store.hpp"

namespace {

using namespace mooring;
using namespace mooring::controller;

constexpr std::size_t rows_a_batch = 10'000;
constexpr std::size_t subnets = 16;
constexpr std::size_t first_host = 16;  // the first addresses of each subnet stay free
constexpr std::size_t namespaces = 50;
constexpr const char* workload = "checkout-service";
constexpr TimeMs made_ms = 1'790'000'000'000;

struct Options {
  std::string path;
  std::size_t bindings = 0, ports = 0, nodes = 1000;
};

class Generator {
 public:
  explicit Generator(const Options& options) : options_(options) {
    SqliteOptions where;
    where.path = options.path;
    auto opened = SqliteStore::open(where, [](const std::function<void()>& work) { work(); });
    if (!opened) {
      throw std::runtime_error(opened.error().text());
    }
    store_ = std::move(*opened);
  }

  void run() {
    Network network;
    network.name = default_network;
    put(network);
    for (std::size_t i = 0; i < subnets; ++i) {
      put_subnet(i);
    }
    for (std::size_t i = 0; i < options_.nodes; ++i) {
      Node node;
      node.name = fmt::format("n{}", i);
      node.machine_id = fmt::format("{:032x}", i);
      node.vtep = net::Ipv4Address(static_cast<std::uint32_t>(0xac100001 + i));
      node.version = MOORING_VERSION;
      put(node);
    }
    for (std::size_t i = 0; i < options_.bindings; ++i) {
      put_binding(i);
    }
    for (std::size_t i = 0; i < options_.ports; ++i) {
      put_port(i, options_.bindings + i);
    }
    commit();
  }

 private:
  static std::string subnet_name(std::size_t number) { return fmt::format("s{}", number); }
  static net::Vni vni_of(std::size_t number) { return net::Vni::from(100 + number).value(); }
  // Spread over the subnets, so that none is full.
  static net::Ipv4Address address_of(std::size_t number) {
    const std::size_t host = first_host + number / subnets;
    return net::Ipv4Address(static_cast<std::uint32_t>((10U << 24) | ((number % subnets) << 16) | host));
  }
  static BindingKey owner_of(std::size_t number) {
    BindingKey owner;
    owner.network = default_network;
    owner.namespace_ = fmt::format("team-{}", number % namespaces);
    owner.hostname = fmt::format("{}-{:07}", workload, number);
    return owner;
  }
  static std::string uid_of(std::size_t number) { return fmt::format("6f1c9d2e-0000-4000-8000-{:012x}", number); }

  void put_subnet(std::size_t i) {
    Subnet subnet;
    subnet.name = subnet_name(i);
    subnet.network = default_network;
    subnet.vni = vni_of(i);
    const net::Cidr cidr(net::Ipv4Address(static_cast<std::uint32_t>((10U << 24) | (i << 16))), 16);
    SubnetBlock block;
    block.cidr = cidr;
    block.gateway = net::Ipv4Address(cidr.first().bits() + 1);
    subnet.blocks.push_back(block);
    put(subnet);
    Pool pool;
    pool.name = fmt::format("p{}", i);
    pool.subnet = subnet.name;
    pool.is_default = i == 0;
    pool.ranges = {{net::Ipv4Address(cidr.first().bits() + 2), net::Ipv4Address(cidr.last().bits() - 1)}};
    put(pool);
  }

  void put_binding(std::size_t number) {
    Binding binding;
    binding.owner = owner_of(number);
    binding.kind = Kind::stateful;
    binding.subnet = subnet_name(number % subnets);
    binding.pool = fmt::format("p{}", number % subnets);
    binding.addresses.set(address_of(number));
    binding.mac = mac_from(binding.addresses);
    binding.workload = workload;
    binding.origin = Origin::first_use;
    binding.created_ms = made_ms;
    binding.last_uid = uid_of(number);
    binding.last_node = fmt::format("n{}", number % options_.nodes);
    put(binding);
  }

  void put_port(std::size_t container, std::size_t number) {
    Port port;
    port.owner = owner_of(number);
    port.subnet = subnet_name(number % subnets);
    port.pool = fmt::format("p{}", number % subnets);
    port.vni = vni_of(number % subnets);
    port.addresses.set(address_of(number));
    port.mac = mac_from(port.addresses);
    port.workload = workload;
    port.created_ms = made_ms;
    port.node = fmt::format("n{}", container % options_.nodes);
    port.attachment.container_id = fmt::format("{:032x}{:032x}", container * 0x9e3779b97f4a7c15U, container);
    port.attachment.ifname = "eth0";
    port.pod_uid = uid_of(container);
    port.state = PortState::active;
    port.generation = batch_.revision + 1;
    port.id = port_id_of(port.generation);
    put(port);
  }

  template <class T>
  void put(T object) {
    object.revision = ++batch_.revision;
    batch_.writes.push_back(std::move(object));
    if (batch_.writes.size() >= rows_a_batch) {
      commit();
    }
  }

  void commit() {
    if (batch_.writes.empty()) {
      return;
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<void>> outcome;
    const Revision revision = batch_.revision;
    batch_.now_ms = made_ms;
    store_->commit(std::move(batch_), [&](Result<void> result) {
      const std::lock_guard guard(mutex);
      outcome = std::move(result);
      changed.notify_one();
    });
    std::unique_lock guard(mutex);
    changed.wait(guard, [&] { return outcome.has_value(); });
    if (!*outcome) {
      throw std::runtime_error(outcome->error().text());
    }
    batch_ = Batch();
    batch_.revision = revision;
  }

  Options options_;
  std::unique_ptr<SqliteStore> store_;
  Batch batch_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Makes a mooring-controller's store with many bindings or ports");
  app.add_option("--store", options.path, "the file; must not exist yet")->required()->check(CLI::NonexistentPath);
  app.add_option("--bindings", options.bindings, "stateful bindings without a container")
      ->check(CLI::Range(0, 1'040'000));
  app.add_option("--ports", options.ports, "live stateless ports")->check(CLI::Range(0, 1'040'000));
  app.add_option("--nodes", options.nodes, "that have the ports")->check(CLI::Range(1, 60'000));
  CLI11_PARSE(app, argc, argv);
  try {
    Generator(options).run();
  } catch (const std::exception& error) {
    std::cerr << "ipam_store: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
