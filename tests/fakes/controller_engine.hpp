// An Ipam whose answers are waited for, with words short enough for tests.
// Threading: the test's.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fakes/controller_loop.hpp"
#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/store/memory_store.hpp"

namespace mooring::controller::fakes {

inline net::Ipv4Address ip(std::string_view text) {
  return net::Ipv4Address::parse(text).value();
}
inline net::Cidr cidr(std::string_view text) {
  return net::Cidr::parse(text).value();
}
inline net::IpRange range(std::string_view text) {
  return net::IpRange::parse(text).value();
}
inline net::IpAddress any(std::string_view text) {
  return net::IpAddress::parse(text).value();
}
// Somebody who changes things in tests.
inline Caller tester() {
  return Caller{{Actor::Kind::person, "tester", "here"}, "", false, std::nullopt};
}
inline net::MacAddress mac(std::string_view text) {
  return net::MacAddress::parse(text).value();
}
inline net::Vni vni(std::uint32_t number) {
  return net::Vni::from(number).value();
}
inline BindingKey owner(std::string hostname, std::string namespace_name = "shop",
                        std::string network = default_network) {
  return {std::move(network), std::move(namespace_name), std::move(hostname), 0};
}
inline Attachment attachment(const std::string& container) {
  return {container, "eth0"};
}

// A CNI ADD: Ask("h1", "c1", "db-0").uid("A").address("10.0.0.5").
struct Ask : ipam_api::AllocateRequest {
  Ask(const std::string& on_node, const std::string& container, const std::string& host) {
    node = on_node;
    attachment = fakes::attachment(container);
    namespace_ = "shop";
    hostname = host;
  }
  Ask& uid(const std::string& text) { return pod_uid = text, *this; }
  Ask& in(const std::string& text) { return namespace_ = text, *this; }
  Ask& interface(std::uint32_t ordinal) { return interface_ordinal = ordinal, *this; }
  Ask& address(std::string_view text) { return wishes.addresses.set(any(text)), *this; }
  Ask& mac(std::string_view text) { return wishes.mac = fakes::mac(text), *this; }
  Ask& network(const std::string& text) { return wishes.network = text, *this; }
  Ask& subnet(const std::string& text) { return wishes.subnet = text, *this; }
  Ask& pool(const std::string& text) { return wishes.pools = {text}, *this; }
  Ask& kind(Kind wished) { return wishes.kind = wished, *this; }
};

class Engine {
 public:
  Engine(Loop& event_loop, Store& store) : loop(event_loop), ipam(store, event_loop.post(), [this] { return now; }) {
    ipam.subscribe([this](const ChangeSet& changes) { published.push_back(changes); });
    ipam.start().value();
  }

  // Waits for the answer of whatever `start` asks for.
  template <class T>
  Result<T> wait(const std::function<void(Callback<T>)>& start) {
    const auto answer = std::make_shared<std::optional<Result<T>>>();
    start([answer](Result<T> result) { *answer = std::move(result); });
    loop.run_until([&] { return answer->has_value(); });
    return **answer;
  }

  Result<ipam_api::Allocation> allocate(const ipam_api::AllocateRequest& request) {
    return wait<ipam_api::Allocation>([&](auto done) { ipam.allocate(tester(), request, done); });
  }
  Result<void> confirm(const std::string& node, const std::string& container, Generation generation) {
    return wait<void>([&](auto done) { ipam.confirm(tester(), {node, attachment(container), generation}, done); });
  }
  Result<ipam_api::ReleaseAnswer> release(const ipam_api::ReleaseRequest& request) {
    return wait<ipam_api::ReleaseAnswer>([&](auto done) { ipam.release(tester(), request, done); });
  }
  // A CNI DEL; was it the holder?
  bool del(const std::string& node, const std::string& container) {
    ipam_api::ReleaseRequest request;
    request.node = node;
    request.attachment = attachment(container);
    request.reason = "cni-del";
    return release(request).value().released;
  }
  Result<ipam_api::RegistrationAnswer> node(const std::string& name, std::string_view vtep,
                                            const std::string& machine = "") {
    const ipam_api::Registration registration{
        machine.empty() ? "machine-of-" + name : machine, ip(vtep), "1", "", "", {}, ""};
    return wait<ipam_api::RegistrationAnswer>(
        [&](auto done) { ipam.register_node(tester(), name, registration, done); });
  }
  Result<ipam_api::RegistrationAnswer> gateway(const std::string& name, std::string_view vtep,
                                               const std::string& machine = "") {
    const ipam_api::Registration registration{
        machine.empty() ? "machine-of-" + name : machine, ip(vtep), "1", default_network, "", {}, ""};
    return wait<ipam_api::RegistrationAnswer>(
        [&](auto done) { ipam.register_gateway(tester(), name, registration, done); });
  }
  template <class T>
  Result<T> create(const T& wanted) {
    return wait<T>([&](auto done) { ipam.create<T>(tester(), wanted, done); });
  }
  template <class T>
  Result<Stored<T>> put(const T& wanted, Caller caller = tester()) {
    return wait<Stored<T>>([&](auto done) { ipam.put<T>(caller, wanted, done); });
  }
  template <class T>
  Result<void> remove(const typename T::Key& key) {
    return wait<void>([&](auto done) { ipam.remove<T>(tester(), key, done); });
  }
  Result<Network> network(const std::string& name) {
    return wait<Network>([&](auto done) { ipam.create<Network>(tester(), {name, false, 0}, done); });
  }
  Result<Subnet> subnet(const Subnet& wanted) { return create(wanted); }
  Result<Subnet> subnet(const std::string& name, std::string_view block, std::uint32_t number,
                        const std::string& network_name = default_network) {
    Subnet wanted;
    wanted.name = name;
    wanted.network = network_name;
    wanted.vni = vni(number);
    wanted.blocks = {{net::IpCidr::parse(block).value(), {}}};
    return subnet(wanted);
  }
  Result<Pool> pool(const Pool& wanted) { return create(wanted); }
  Result<Pool> pool(const std::string& name, const std::string& of_subnet, const std::vector<std::string>& ranges = {},
                    Kind kind = Kind::stateless) {
    Pool wanted;
    wanted.name = name;
    wanted.subnet = of_subnet;
    for (const std::string& text : ranges) {
      wanted.ranges.push_back(range(text));
    }
    wanted.kind = kind;
    return pool(wanted);
  }
  Result<Binding> bind(const NewBinding& wanted) {
    return wait<Binding>([&](auto done) { ipam.create_binding(tester(), wanted, done); });
  }
  Result<Binding> bind(const std::string& hostname, std::string_view address) {
    NewBinding wanted;
    wanted.owner = owner(hostname);
    wanted.addresses = any(address);
    return bind(wanted);
  }
  Result<void> unbind(const BindingKey& key, bool force = false) {
    return wait<void>([&](auto done) { ipam.delete_binding(tester(), key, force, done); });
  }
  Result<void> delete_network(const std::string& name) {
    return wait<void>([&](auto done) { ipam.remove<Network>(tester(), name, done); });
  }
  Result<void> delete_subnet(const std::string& name) {
    return wait<void>([&](auto done) { ipam.remove<Subnet>(tester(), name, done); });
  }
  Result<void> delete_pool(const std::string& name) {
    return wait<void>([&](auto done) { ipam.remove<Pool>(tester(), name, done); });
  }
  Result<void> delete_port(const std::string& id) {
    return wait<void>([&](auto done) { ipam.delete_port(tester(), id, done); });
  }
  Result<void> delete_node(const std::string& name, bool force = false) {
    return wait<void>([&](auto done) { ipam.delete_node(tester(), name, force, done); });
  }
  Result<void> delete_gateway(const std::string& name) {
    return wait<void>([&](auto done) { ipam.delete_gateway(tester(), name, done); });
  }
  Result<ChangeLogPage> changes_since(Revision after, std::size_t limit = 1000) {
    return wait<ChangeLogPage>([&](auto done) { ipam.changes_since(after, limit, done); });
  }
  // What `look` returns of the committed state.
  template <class Look>
  auto read(const Look& look) {
    std::optional<decltype(look(std::declval<const State&>()))> seen;
    ipam.read([&](const State& state, Revision) { seen = look(state); });
    loop.run_until([&] { return seen.has_value(); });
    return *seen;
  }
  std::optional<Port> port(std::string_view address, std::uint32_t in_vni = 100) {
    return read([&](const State& state) {
      const auto found = state.port({vni(in_vni), any(address)});
      return found ? std::optional<Port>(*found) : std::nullopt;
    });
  }
  std::optional<Binding> binding(const BindingKey& key) {
    return read([&](const State& state) {
      const Binding* found = state.binding(key);
      return found == nullptr ? std::optional<Binding>() : *found;
    });
  }
  PoolUse use(const std::string& name) {
    return read([&](const State& state) { return state.use(name); });
  }

  // Nodes h1..h3, network default, subnet web 10.0.0.0/24 (VNI 100), pool web 10.0.0.10-10.0.0.19.
  Engine& usual() {
    node("h1", "172.31.0.1").value();
    node("h2", "172.31.0.2").value();
    node("h3", "172.31.0.3").value();
    network(default_network).value();
    subnet("web", "10.0.0.0/24", 100).value();
    pool("web", "web", {"10.0.0.10-10.0.0.19"}).value();
    return *this;
  }

  TimeMs now = 1'000'000;  // the clock: a test sets it
  Loop& loop;
  std::vector<ChangeSet> published;
  Ipam ipam;
};

// An engine on a memory store.
struct MemoryEngine {
  Loop loop;
  MemoryDisk disk;
  MemoryStore store{disk, loop.post()};
  Engine engine{loop, store};
};

}  // namespace mooring::controller::fakes
