// create network|subnet|pool|reservation
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "ipam-controller/cli/create_words.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

struct NetworkWords {
  std::string name;
  bool isolated = false;
};

struct SubnetWords {
  std::string name, network;
  std::vector<std::string> cidrs, gateways;
  std::uint64_t vni = 0;
  std::uint64_t mtu_bytes = 0;
  std::optional<std::uint64_t> bridged_vlan;
  std::vector<std::string> dns, search, options, routes;
  std::string domain;
};

// "metric=100;mtu=1400" into a route.
Result<void> put_attributes(Json& route, std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 5> known{
      {{"metric", "metric"}, {"mtu", "mtu_bytes"}, {"advmss", "advmss_bytes"}, {"table", "table"}, {"scope", "scope"}}};
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const std::size_t equals = item.find('=');
    const auto* const found =
        std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.first == item.substr(0, equals); });
    const auto value = ipam_api::parse_json("the number", equals == item.npos ? "" : item.substr(equals + 1));
    if (found == known.end() || !value || !value->is_number_unsigned()) {
      return Error(Errc::invalid_argument, fmt::format("'{}' is no attribute of a route", item));
    }
    route[found->second] = *value;
  }
  return ok();
}

Result<Json> routes_from(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) {
    const std::size_t end = text.find(';');
    const std::string_view place = std::string_view(text).substr(0, end);
    const std::size_t equals = place.find('=');
    Json route = {{"destination", place.substr(0, equals)}};
    if (equals != place.npos) {
      route["via"] = place.substr(equals + 1);
    }
    const auto attributes = end == text.npos ? ok() : put_attributes(route, std::string_view(text).substr(end + 1));
    const auto read = attributes ? ipam_api::route_from(route) : Result<ipam_api::Route>(attributes.error());
    if (!read) {
      return Error(Errc::invalid_argument, fmt::format("reading --route {}: {}", text, read.error().message()),
                   "write CIDR or CIDR=ADDRESS, as 10.0.0.0/8=10.1.0.254, then ;metric=N ;mtu=N ;advmss=N ;table=N "
                   ";scope=N where wanted");
    }
    list.push_back(std::move(route));
  }
  return list;
}

Result<void> create_subnet(ControllerSession& session, Invocation& invocation, const SubnetWords& words) {
  Json body = {{"name", words.name}, {"vni", words.vni}};
  put_field(body, "network", words.network);
  for (const auto& [field, texts] : {std::pair("cidr", &words.cidrs), std::pair("gateway", &words.gateways)}) {
    if (auto put = put_families(body, field, *texts); !put) {
      return put;
    }
  }
  if (words.mtu_bytes != 0) {
    body["mtu_bytes"] = words.mtu_bytes;
  }
  if (words.bridged_vlan) {
    body["bridged"] = {{"vlan", *words.bridged_vlan}};
  }
  Json dns = Json::object();
  put_field(dns, "nameservers", words.dns);
  put_field(dns, "domain", words.domain);
  put_field(dns, "search", words.search);
  put_field(dns, "options", words.options);
  if (!dns.empty()) {
    body["dns"] = dns;
  }
  if (!words.routes.empty()) {
    auto routes = routes_from(words.routes);
    if (!routes) {
      return routes.error();
    }
    body["routes"] = std::move(*routes);
  }
  const Shown mtu =
      words.mtu_bytes == 0 ? Shown{"MTU of the underlay", "mtu_from_underlay"} : Shown{"MTU", "mtu_bytes"};
  return post_object(session, invocation, **find_kind("subnet"), words.name, body,
                     {{"network", "network"}, {"gateway", "gateway+gateway6"}, mtu});
}

struct PoolWords {
  std::string name, subnet, kind, strategy, cooldown, retention;
  std::vector<std::string> ranges, exclusions, quotas, allow, deny, fallback;
  SelectorWords selector;
  bool is_default = false;
};

Result<std::uint64_t> quota_from(const std::string& text, std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc{} || end != digits.data() + digits.size()) {
    return Error(Errc::invalid_argument, fmt::format("reading --quota {}: \"{}\" is no number", text, digits),
                 "write NUMBER for every namespace, NAMESPACE=NUMBER for one");
  }
  return number;
}

// "100" is every namespace's, "shop=500" that of one.
Result<void> put_quotas(Json& body, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const auto number = quota_from(text, equals == text.npos ? text : text.substr(equals + 1));
    if (!number) {
      return number.error();
    }
    if (equals == text.npos) {
      body["namespace_quota"] = *number;
    } else {
      body["quotas"][text.substr(0, equals)] = *number;
    }
  }
  return ok();
}

Result<void> create_pool(ControllerSession& session, Invocation& invocation, const PoolWords& words) {
  Json body = {{"name", words.name}, {"subnet", words.subnet}, {"default", words.is_default}};
  put_field(body, "kind", words.kind);
  put_field(body, "ranges", words.ranges);
  put_field(body, "exclusions", words.exclusions);
  put_field(body, "strategy", words.strategy);
  put_field(body, "retention", words.retention);
  put_field(body, "allow", words.allow);
  put_field(body, "deny", words.deny);
  put_field(body, "fallback", words.fallback);
  if (!words.cooldown.empty()) {
    const auto seconds = ipam_api::parse_duration(words.cooldown);
    if (!seconds) {
      return seconds.error().within("reading --cooldown");
    }
    body["cooldown_seconds"] = *seconds;
  }
  if (auto put = put_quotas(body, words.quotas); !put) {
    return put;
  }
  if (auto put = words.selector.put_into(body); !put) {
    return put;
  }
  return post_object(session, invocation, **find_kind("pool"), words.name, body,
                     {{"addresses", "size"}, {"kind", "kind"}, {"default", "default"}});
}

struct ReservationWords {
  std::string name, subnet, range, note;
};

}  // namespace

void add_create_network(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<NetworkWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    const Json body = {{"name", words->name}, {"isolated", words->isolated}};
    return post_object(session, invocation, **find_kind("network"), words->name, body, {});
  };
  CLI::App* command =
      add_action(create, invocation, "network", "a routing domain: subnets routed to one another", R"(Example:
  mooringctl create network default)",
                 run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_flag("--isolated", words->isolated, "its subnets are not routed to one another");
}

void add_create_subnet(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<SubnetWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_subnet(session, invocation, *words);
  };
  CLI::App* command = add_action(create, invocation, "subnet",
                                 "an address block of a network, of one or both families, with its VXLAN identifier",
                                 R"(Examples:
  mooringctl create subnet pods --network default --vni 100 --cidr 10.100.0.0/16 --dns 10.100.0.53
  mooringctl create subnet dual --vni 101 --cidr 10.101.0.0/16 --cidr6 fd00:101::/64)",
                                 run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--network", words->network, "the network it belongs to (default: \"default\")")
      ->type_name("NAME");
  command->add_option("--vni", words->vni, "VXLAN identifier, 1..16777215")->required()->type_name("NUMBER");
  add_list(*command, "--cidr,--cidr6", words->cidrs, "the block of a family: 10.100.0.0/16, fd00::/64", "CIDR...")
      ->required();
  add_list(*command, "--gateway,--gateway6", words->gateways,
           "the gateway's address of a family (default: the first of the block)", "ADDRESS...");
  command
      ->add_option("--mtu", words->mtu_bytes,
                   "MTU of the containers' interfaces in bytes (default: what each node's underlay carries)")
      ->type_name("BYTES");
  command
      ->add_option("--bridged-vlan", words->bridged_vlan,
                   "stretch it to this VLAN of the gateways' physical segment; 0: frames without a tag")
      ->type_name("NUMBER");
  add_list(*command, "--dns", words->dns, "name servers for the containers", "ADDRESS...");
  command->add_option("--dns-domain", words->domain, "the containers' domain")->type_name("DOMAIN");
  add_list(*command, "--dns-search", words->search, "domains to search", "DOMAIN...");
  add_list(*command, "--dns-option", words->options, "resolver options, as ndots:5", "OPTION...");
  add_list(*command, "--route", words->routes,
           "routes beside the default one: CIDR, or CIDR=NEXT-HOP, with ;metric=N and the like", "ROUTE...");
}

void add_create_pool(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<PoolWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_pool(session, invocation, *words);
  };
  CLI::App* command = add_action(
      create, invocation, "pool", "addresses of a subnet to allocate from",
      R"(A range is written 10.0.0.10-10.0.0.20, 10.0.0.10..10.0.0.20, 10.0.0.16/28, or as one address; of IPv6 alike.
Pools of one subnet do not overlap. A pool with --for-... comes before the default pool for the pods that it is for.

Examples:
  mooringctl create pool pods --subnet pods --range 10.100.0.0/20 --exclude 10.100.0.1-10.100.0.9 --default
  mooringctl create pool db --subnet pods --range 10.100.16.0/24 --kind stateful --retention WithWorkload
  mooringctl create pool web --subnet pods --range 10.100.17.0/24 --for-namespace shop --for-hostname 'web-*' \
      --cooldown 5m --quota 100 --quota shop=200 --deny 'shop/web-test-*' --fallback pods)",
      run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--subnet", words->subnet, "the subnet it belongs to")->required()->type_name("NAME");
  add_list(*command, "--range,--ranges", words->ranges, "its addresses (default: all that the subnet can give)",
           "RANGE...");
  add_list(*command, "--exclude,--exclusions", words->exclusions, "addresses in the ranges that are never given out",
           "RANGE...");
  command->add_option("--kind", words->kind, "of pods that do not say: stateless (default), stateful, static")
      ->type_name("KIND");
  command->add_flag("--default", words->is_default, "used by pods that name no pool");
  command->add_option("--strategy", words->strategy, "which address is next: next (in turn, default), lowest, random")
      ->type_name("STRATEGY");
  command
      ->add_option("--cooldown", words->cooldown,
                   "how long a released address rests before another hostname may have it: 90s, 5m, 1h")
      ->type_name("DURATION");
  add_list(*command, "--quota", words->quotas, "addresses a namespace may have: 100, or of one namespace: shop=200",
           "QUOTA...");
  add_list(*command, "--allow", words->allow, "who may use it: NAMESPACE or NAMESPACE/HOSTNAME (default: all)",
           "PATTERN...");
  add_list(*command, "--deny", words->deny, "who may not, whatever --allow says", "PATTERN...");
  add_list(*command, "--fallback", words->fallback, "pools to try, in order, when this one cannot give", "POOL...");
  command
      ->add_option("--retention", words->retention,
                   "of bindings made at first use: OnDelete [DURATION], WithWorkload, TTL DURATION, Never")
      ->type_name("RETENTION");
  words->selector.add_options(*command);
}

void add_create_reservation(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<ReservationWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    Json body = {{"name", words->name}, {"subnet", words->subnet}, {"range", words->range}};
    put_field(body, "note", words->note);
    return post_object(session, invocation, **find_kind("reservation"), words->name, body, {{"range", "range"}});
  };
  CLI::App* command = add_action(create, invocation, "reservation", "addresses that nobody gets", R"(Example:
  mooringctl create reservation printer --subnet pods --range 10.100.0.20 --note 'third floor')",
                                 run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--subnet", words->subnet, "the subnet of the addresses")->required()->type_name("NAME");
  command->add_option("--range", words->range, "one address, A-B, or a CIDR block")->required()->type_name("RANGE");
  command->add_option("--note", words->note, "what they are for")->type_name("TEXT");
}

}  // namespace mooring::ctl
