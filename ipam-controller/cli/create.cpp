// create network|subnet|pool|binding
#include <memory>
#include <ostream>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/kinds.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

// What the new object has that the user did not say: for the line that is printed.
struct Shown {
  std::string_view label;
  std::string_view field;
};

Result<void> post(ControllerSession& session, Invocation& invocation, const Kind& kind, const std::string& name,
                  const Json& body, std::initializer_list<Shown> shown) {
  const auto made = session.post(fmt::format("/v1/{}", kind.collection), body);
  if (!made) {
    return made.error();
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *made, invocation.format);
    return ok();
  }
  std::string details;
  for (const Shown& item : shown) {
    details += fmt::format("{}{} {}", details.empty() ? ": " : ", ", item.label, cell_of(*made, item.field));
  }
  invocation.out << kind.singular << ' ' << name << " created" << details << '\n';
  return ok();
}

void put(Json& body, const char* field, const std::string& text) {
  if (!text.empty()) {
    body[field] = text;
  }
}
void put(Json& body, const char* field, const std::vector<std::string>& texts) {
  if (!texts.empty()) {
    body[field] = texts;
  }
}

// An option that may be given several times, or once with commas; it never swallows what follows.
CLI::Option* add_list(CLI::App& command, const char* names, std::vector<std::string>& values, const char* description,
                      const char* type) {
  return command.add_option(names, values, description)->allow_extra_args(false)->delimiter(',')->type_name(type);
}

CLI::App* add(CLI::App& create, Invocation& invocation, const char* kind, const char* description, const char* footer,
              std::function<Result<void>(ControllerSession&)> action) {
  CLI::App* command = create.add_subcommand(kind, description);
  command->footer(footer);
  command->callback([&invocation, action = std::move(action)] { invocation.action = action; });
  return command;
}

struct NetworkWords {
  std::string name;
  bool isolated = false;
};

void add_network(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<NetworkWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    const Json body = {{"name", words->name}, {"isolated", words->isolated}};
    return post(session, invocation, **find_kind("network"), words->name, body, {});
  };
  CLI::App* command = add(create, invocation, "network", "a routing domain: subnets routed to one another",
                          R"(Example:
  mooringctl create network default)",
                          run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_flag("--isolated", words->isolated, "its subnets are not routed to one another");
}

struct SubnetWords {
  std::string name, network, cidr, gateway;
  std::uint64_t vni = 0;
  std::uint64_t mtu_bytes = 0;
  std::vector<std::string> dns, search, options, routes;
  std::string domain;
};

Result<Json> routes_from(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    Json route = {{"destination", text.substr(0, equals)}};
    if (equals != text.npos) {
      route["via"] = text.substr(equals + 1);
    }
    if (const auto read = ipam_api::route_from(route); !read) {
      return Error(Errc::invalid_argument, fmt::format("reading --route {}: {}", text, read.error().message()),
                   "write CIDR or CIDR=ADDRESS, as 10.0.0.0/8=10.1.0.254");
    }
    list.push_back(std::move(route));
  }
  return list;
}

Result<void> create_subnet(ControllerSession& session, Invocation& invocation, const SubnetWords& words) {
  Json body = {{"name", words.name}, {"vni", words.vni}, {"cidr", words.cidr}};
  put(body, "network", words.network);
  put(body, "gateway", words.gateway);
  if (words.mtu_bytes != 0) {
    body["mtu_bytes"] = words.mtu_bytes;
  }
  Json dns = Json::object();
  put(dns, "nameservers", words.dns);
  put(dns, "domain", words.domain);
  put(dns, "search", words.search);
  put(dns, "options", words.options);
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
  return post(session, invocation, **find_kind("subnet"), words.name, body,
              {{"network", "network"}, {"gateway", "gateway"}, {"MTU", "mtu_bytes"}});
}

void add_subnet(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<SubnetWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_subnet(session, invocation, *words);
  };
  CLI::App* command = add(create, invocation, "subnet", "an address block of a network, with its VXLAN identifier",
                          R"(Example:
  mooringctl create subnet pods --network default --vni 100 --cidr 10.100.0.0/16 --dns 10.100.0.53)",
                          run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--network", words->network, "the network it belongs to (default: \"default\")")
      ->type_name("NAME");
  command->add_option("--vni", words->vni, "VXLAN identifier, 1..16777215")->required()->type_name("NUMBER");
  command->add_option("--cidr", words->cidr, "the block, as 10.100.0.0/16")->required()->type_name("CIDR");
  command->add_option("--gateway", words->gateway, "the gateway's address (default: the first of the block)")
      ->type_name("ADDRESS");
  command->add_option("--mtu", words->mtu_bytes, "MTU of the containers' interfaces in bytes (default: 1450)")
      ->type_name("BYTES");
  add_list(*command, "--dns", words->dns, "name servers for the containers", "ADDRESS...");
  command->add_option("--dns-domain", words->domain, "the containers' domain")->type_name("DOMAIN");
  add_list(*command, "--dns-search", words->search, "domains to search", "DOMAIN...");
  add_list(*command, "--dns-option", words->options, "resolver options, as ndots:5", "OPTION...");
  add_list(*command, "--route", words->routes, "routes beside the default one: CIDR, or CIDR=NEXT-HOP", "ROUTE...");
}

struct PoolWords {
  std::string name, subnet, kind;
  std::vector<std::string> ranges, exclusions;
  bool is_default = false;
};

void add_pool(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<PoolWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    Json body = {{"name", words->name}, {"subnet", words->subnet}, {"default", words->is_default}};
    put(body, "kind", words->kind);
    put(body, "ranges", words->ranges);
    put(body, "exclusions", words->exclusions);
    return post(session, invocation, **find_kind("pool"), words->name, body,
                {{"addresses", "size"}, {"kind", "kind"}, {"default", "default"}});
  };
  CLI::App* command =
      add(create, invocation, "pool", "addresses of a subnet to allocate from",
          R"(A range is written 10.0.0.10-10.0.0.20, 10.0.0.10..10.0.0.20, 10.0.0.16/28, or as one address.

Pools of one subnet do not overlap.

Examples:
  mooringctl create pool pods --subnet pods --range 10.100.0.0/20 --exclude 10.100.0.1-10.100.0.9 --default
  mooringctl create pool db --subnet pods --range 10.100.16.0/24 --kind stateful)",
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
}

struct BindingWords {
  std::string name, namespace_, network, address, pool, mac, kind;
};

Result<void> create_binding(ControllerSession& session, Invocation& invocation, const BindingWords& words) {
  const Kind& kind = **find_kind("binding");
  ObjectName defaults;
  defaults.namespace_ = words.namespace_;
  defaults.network = words.network;
  const auto name = parse_object_name(kind, words.name, defaults);
  if (!name) {
    return name.error();
  }
  Json body = {{"namespace", name->namespace_}, {"hostname", name->hostname}};
  if (name->ordinal != "0") {
    const auto ordinal = ipam_api::parse_json("the interface ordinal", name->ordinal);
    if (!ordinal || !ordinal->is_number_unsigned()) {
      return Error(Errc::invalid_argument,
                   fmt::format("reading the binding \"{}\": its interface ordinal \"{}\" is no number", words.name,
                               name->ordinal));
    }
    body["interface_ordinal"] = *ordinal;
  }
  put(body, "network", name->network);
  put(body, "address", words.address);
  put(body, "pool", words.pool);
  put(body, "mac", words.mac);
  put(body, "kind", words.kind);
  return post(session, invocation, kind, words.name, body, {{"address", "address"}, {"MAC", "mac"}, {"pool", "pool"}});
}

void add_binding(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<BindingWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_binding(session, invocation, *words);
  };
  CLI::App* command =
      add(create, invocation, "binding", "a fixed address and MAC for a hostname, before its pod exists",
          R"(Examples:
  mooringctl create binding prod/db-0 --address 10.100.16.10
  mooringctl create binding db-1 -n prod --pool db             the pool's next free address)",
          run);
  command->add_option("NAME", words->name, "NAMESPACE/HOSTNAME")->required()->type_name("");
  command->add_option("-n,--namespace", words->namespace_, "namespace, if NAME is a hostname alone")->type_name("NAME");
  command->add_option("--network", words->network, "its network (default: \"default\")")->type_name("NAME");
  command->add_option("--address", words->address, "the address (default: the pool's next free one)")
      ->type_name("ADDRESS");
  command->add_option("--pool", words->pool, "the pool (default: that of the address, or the default pool)")
      ->type_name("NAME");
  command->add_option("--mac", words->mac, "the MAC (default: made from the address)")->type_name("MAC");
  command->add_option("--kind", words->kind, "static (default) or stateful")->type_name("KIND");
}

}  // namespace

void add_create(CLI::App& app, Invocation& invocation) {
  CLI::App* create = app.add_subcommand("create", "create a network, subnet, pool or binding");
  create->footer(R"(Example, in the order in which they need each other:
  mooringctl create network default
  mooringctl create subnet pods --vni 100 --cidr 10.100.0.0/16
  mooringctl create pool pods --subnet pods
  mooringctl create binding prod/db-0 --address 10.100.4.10)");
  create->require_subcommand(1);
  create->fallthrough();
  add_network(*create, invocation);
  add_subnet(*create, invocation);
  add_pool(*create, invocation);
  add_binding(*create, invocation);
  for (CLI::App* command : create->get_subcommands({})) {
    command->fallthrough();
  }
}

}  // namespace mooring::ctl
