// create vip
#include <memory>

#include "ipam-controller/cli/create_words.hpp"

namespace mooring::ctl {
namespace {

struct VipWords {
  std::string name, network, address, note;
  std::vector<std::string> ports, listed;
  std::string check = "none", path;
  std::uint32_t check_port = 0, interval_ms = 0, timeout_ms = 0, failures = 0;
  SelectorWords selector;
};

Result<void> create_vip(ControllerSession& session, Invocation& invocation, const VipWords& words) {
  Json body = {{"name", words.name}, {"address", words.address}};
  put_field(body, "network", words.network);
  put_field(body, "ports", words.ports);
  if (auto put = words.selector.put_into(body); !put) {
    return put;
  }
  put_field(body, "listed", words.listed);
  Json check = {{"kind", words.check}};
  put_field(check, "path", words.path);
  for (const auto& [field, number] :
       {std::pair("port", words.check_port), std::pair("interval_ms", words.interval_ms),
        std::pair("timeout_ms", words.timeout_ms), std::pair("failures", words.failures)}) {
    if (number != 0) {
      check[field] = number;
    }
  }
  body["check"] = std::move(check);
  put_field(body, "note", words.note);
  return post_object(session, invocation, **find_kind("vip"), words.name, body,
                     {{"address", "address"}, {"ports", "ports"}, {"check", "check"}});
}

}  // namespace

void add_create_vip(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<VipWords>();
  const auto run = [&invocation, words](ControllerSession& session) { return create_vip(session, invocation, *words); };
  CLI::App* command = add_action(
      create, invocation, "vip", "an address whose connections go to pods",
      R"(The address is one of a subnet, and in no pool. Behind it are the pods that fit, and those that have a listed address.

Examples:
  mooringctl create vip shop --address 10.100.0.80 --port tcp:80:8080 --for-namespace shop --for-hostname 'web-*' --check http --path /healthz
  mooringctl create vip dns --address 10.100.0.53 --port udp:53 --port tcp:53 --for-label app=dns --check tcp
  mooringctl get vip shop)",
      run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--address", words->address, "that callers know")->required()->type_name("ADDRESS");
  add_list(*command, "--port", words->ports, "tcp:80, or tcp:80:8080 if the pods have another port",
           "PROTOCOL:PORT[:TARGET]...")
      ->required();
  command->add_option("--network", words->network, "of its pods (default: \"default\")")->type_name("NAME");
  const char* group = "Which pods are behind it";
  add_list(*command, "--for-namespace", words->selector.namespaces, "those in one of these namespaces", "PATTERN...")
      ->group(group);
  add_list(*command, "--for-hostname", words->selector.hostnames, "those with such a hostname, as web-*", "PATTERN...")
      ->group(group);
  add_list(*command, "--for-label", words->selector.labels, "those with all of these labels", "KEY=VALUE...")
      ->group(group);
  add_list(*command, "--listed", words->listed, "those that have these addresses", "ADDRESS...")->group(group);
  const char* health = "How their nodes find out whether they live";
  command->add_option("--check", words->check, "none, tcp (takes connections) or http (answers GET with 200 to 399)")
      ->type_name("KIND")
      ->capture_default_str()
      ->group(health);
  command->add_option("--check-port", words->check_port, "of the pods (default: the target of the first TCP port)")
      ->type_name("PORT")
      ->group(health);
  command->add_option("--path", words->path, "what is asked for (default: /)")->type_name("PATH")->group(health);
  command->add_option("--interval-ms", words->interval_ms, "from one check to the next (default: 500)")
      ->type_name("MS")
      ->group(health);
  command->add_option("--timeout-ms", words->timeout_ms, "for an answer (default: 1000)")
      ->type_name("MS")
      ->group(health);
  command->add_option("--failures", words->failures, "in a row, until it is out (default: 2)")
      ->type_name("COUNT")
      ->group(health);
  command->add_option("--note", words->note, "what it is for")->type_name("TEXT");
}

}  // namespace mooring::ctl
