// create access-rule, and what describe adds to one: how often gateways went by it
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/create_words.hpp"
#include "ipam-controller/cli/rule_use.hpp"

namespace mooring::ctl {
namespace {

struct AccessWords {
  std::string name, network, action, direction, subnet, list, protocol, note;
  std::uint64_t order = 0;
  std::vector<std::string> physical, addresses, ports, source_ports;
};

Result<void> create_access_rule(ControllerSession& session, Invocation& invocation, const AccessWords& words) {
  Json body = {{"name", words.name}, {"order", words.order}};
  put_field(body, "network", words.network);
  put_field(body, "action", words.action);
  put_field(body, "direction", words.direction);
  put_field(body, "physical", words.physical);
  put_field(body, "subnet", words.subnet);
  put_field(body, "list", words.list);
  put_field(body, "addresses", words.addresses);
  put_field(body, "protocol", words.protocol);
  put_field(body, "ports", words.ports);
  put_field(body, "source_ports", words.source_ports);
  put_field(body, "note", words.note);
  return post_object(session, invocation, **find_kind("access-rule"), words.name, body,
                     {{"network", "network"}, {"order", "order"}, {"action", "action"}, {"direction", "direction"}});
}

}  // namespace

void add_create_access_rule(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<AccessWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_access_rule(session, invocation, *words);
  };
  CLI::App* command = add_action(
      create, invocation, "access-rule", "what gateways let pass between machines and pods, and what they stop",
      R"(Of the rules that fit a packet the one with the lowest order counts; what no rule fits passes. Rules judge what opens a
connection: of TCP its first packet, of ICMP all but answers, of UDP every packet. More: docs/howto/access-rules.md

Examples:
  mooringctl create access-rule office-web --order 100 --action allow --direction from-physical --physical 192.0.2.0/24 \
      --list web --protocol tcp --port 80,443
  mooringctl create access-rule no-one-else --order 30000 --action deny --direction from-physical
  mooringctl create access-rule no-mail --order 10 --action deny --direction to-physical --protocol tcp --port 25)",
      run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--order", words->order, "1 to 30000: the lowest one that fits counts")
      ->required()
      ->type_name("NUMBER");
  command->add_option("--action", words->action, "allow or deny")->required()->type_name("ACTION");
  command->add_option("--direction", words->direction, "from-physical or to-physical")->required()->type_name("WAY");
  command->add_option("--network", words->network, "of the overlay (default: \"default\")")->type_name("NAME");
  add_list(*command, "--physical", words->physical, "machines: blocks of addresses (default: all)", "CIDR...");
  const char* group = "Whose packets on the overlay's side (default: all of the network)";
  command->add_option("--subnet", words->subnet, "of this subnet")->type_name("NAME")->group(group);
  command->add_option("--list", words->list, "on this list, as it is at any time")->type_name("NAME")->group(group);
  add_list(*command, "--address", words->addresses, "blocks of addresses", "CIDR...")->group(group);
  command->add_option("--protocol", words->protocol, "tcp, udp, icmp or any (default)")->type_name("PROTOCOL");
  add_list(*command, "--port", words->ports, "destination ports or ranges: 80, 8000-8999", "PORT...");
  add_list(*command, "--source-port", words->source_ports, "source ports or ranges", "PORT...");
  command->add_option("--note", words->note, "what it is for")->type_name("TEXT");
}

Result<void> print_rule_use(ControllerSession& session, std::ostream& out, const Json& rule) {
  const auto use = session.get(fmt::format("/v1/access-rules/{}/use", rule.value("name", std::string())));
  if (!use) {
    return use.error();
  }
  const Json& items = (*use)["items"];
  out << "\nGateways:" << (items.empty() ? " none\n" : "\n");
  for (const Json& item : items) {
    const std::string name = item.value("gateway", std::string());
    if (item.contains("error")) {
      out << fmt::format("  {}: {}\n", name, item.value("error", std::string()));
    } else {
      out << fmt::format("  {}: {} packets, {} bytes, by {} flows\n", name, item.value("packets", std::uint64_t{0}),
                         item.value("bytes", std::uint64_t{0}), item.value("flows", std::uint64_t{0}));
    }
  }
  return ok();
}

}  // namespace mooring::ctl
