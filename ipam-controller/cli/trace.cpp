#include "ipam-controller/cli/trace.hpp"

#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "mooring/net/ip.hpp"

namespace mooring::ctl {
namespace {

constexpr int stops = 1;

struct Wanted {
  std::string pod, word, target, network, from_address;
  std::uint16_t tcp = 0, udp = 0;
  bool icmp = false;
};

Result<Json> request_of(const Wanted& wanted) {
  const bool machine = net::IpAddress::parse(wanted.pod).has_value();
  const auto slash = wanted.pod.find('/');
  if (machine && !wanted.from_address.empty()) {
    return Error(Errc::invalid_argument, "--from-address is what a pod would send from", "name the machine's address");
  }
  if (!machine && (slash == std::string::npos || slash == 0 || slash + 1 == wanted.pod.size())) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is neither a pod nor an address", wanted.pod),
                 "write a pod NAMESPACE/HOSTNAME");
  }
  if (wanted.word != "to") {
    return Error(Errc::invalid_argument, fmt::format("'{}' stands where 'to' should", wanted.word),
                 "mooringctl trace NAMESPACE/POD|ADDRESS to ADDRESS|NAMESPACE/POD");
  }
  Json body = {{"to", wanted.target}, {"protocol", wanted.tcp != 0 ? "tcp" : wanted.udp != 0 ? "udp" : "icmp"}};
  if (machine) {
    body["from_address"] = wanted.pod;
  } else {
    body["namespace"] = wanted.pod.substr(0, slash);
    body["hostname"] = wanted.pod.substr(slash + 1);
  }
  if (wanted.tcp != 0 || wanted.udp != 0) {
    body["port"] = wanted.tcp != 0 ? wanted.tcp : wanted.udp;
  }
  if (!wanted.network.empty()) {
    body["network"] = wanted.network;
  }
  if (!wanted.from_address.empty()) {
    body["from_address"] = wanted.from_address;
  }
  return body;
}

Result<void> trace(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  const auto body = request_of(wanted);
  if (!body) {
    return body.error();
  }
  const auto answer = session.post("/v1/ports:trace", *body);
  if (!answer) {
    return answer.error();
  }
  invocation.exit_code = field_at(*answer, "outcome") == "arrives" ? 0 : stops;
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *answer, invocation.format);
    return ok();
  }
  TextTable table({"WHERE", "STEP", "", "DETAIL"});
  for (const Json& hop : field_at(*answer, "hops")) {
    table.add({cell_of(hop, "where"), cell_of(hop, "step"), field_at(hop, "ok") == true ? "ok" : "FAIL",
               cell_of(hop, "detail")});
  }
  table.print(invocation.out);
  invocation.out << '\n' << cell_of(*answer, "verdict") << '\n';
  return ok();
}

}  // namespace

void add_trace(CLI::App& app, Invocation& invocation) {
  const auto wanted = std::make_shared<Wanted>();
  CLI::App* command =
      app.add_subcommand("trace", "where a packet of a pod goes, and where and why it stops; nothing is sent");
  command->footer(R"(Examples:
  mooringctl trace shop/web-0 to shop/db-0 --tcp 5432
  mooringctl trace shop/web-0 to 10.100.0.7
  mooringctl trace 192.0.2.7 to shop/web-0 --tcp 443       of a machine behind a gateway
Exit code: 0 it arrives; 1 it stops, or a node on the way does not answer.)");
  command->add_option("POD", wanted->pod, "the sender: NAMESPACE/HOSTNAME, or the address of a machine")
      ->required()
      ->type_name("");
  command->add_option("TO", wanted->word, "the word 'to'")->required()->type_name("");
  command->add_option("TARGET", wanted->target, "an address, or NAMESPACE/HOSTNAME")->required()->type_name("");
  auto* tcp = command->add_option("--tcp", wanted->tcp, "a new TCP connection to this port")
                  ->check(CLI::Range(1, 65535))
                  ->type_name("PORT");
  auto* udp = command->add_option("--udp", wanted->udp, "a UDP packet to this port")
                  ->check(CLI::Range(1, 65535))
                  ->type_name("PORT");
  auto* icmp = command->add_flag("--icmp", wanted->icmp, "an echo request (this is the default)");
  tcp->excludes(udp)->excludes(icmp);
  udp->excludes(icmp);
  command->add_option("--network", wanted->network, "of the sender [default]")->type_name("NAME");
  command->add_option("--from-address", wanted->from_address, "if it sent from this address instead of its own")
      ->type_name("ADDRESS");
  command->callback([&invocation, wanted] {
    invocation.action = [&invocation, wanted](ControllerSession& session) {
      return trace(session, invocation, *wanted);
    };
  });
}

}  // namespace mooring::ctl
