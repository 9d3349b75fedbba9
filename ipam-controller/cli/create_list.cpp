// create list
#include <memory>

#include "ipam-controller/cli/create_words.hpp"

namespace mooring::ctl {
namespace {

struct ListWords {
  std::string name, network, note;
  std::vector<std::string> addresses;
  SelectorWords selector;
};

Result<void> create_list(ControllerSession& session, Invocation& invocation, const ListWords& words) {
  Json body = {{"name", words.name}};
  put_field(body, "network", words.network);
  if (auto put = words.selector.put_into(body); !put) {
    return put;
  }
  put_field(body, "addresses", words.addresses);
  put_field(body, "note", words.note);
  return post_object(session, invocation, **find_kind("list"), words.name, body,
                     {{"network", "network"}, {"selector", "selector"}, {"addresses", "addresses"}});
}

}  // namespace

void add_create_list(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<ListWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_list(session, invocation, *words);
  };
  CLI::App* command = add_action(
      create, invocation, "list", "the addresses of an application, for firewalls and balancers outside",
      R"(The list has the addresses of the pods that fit, of those that run and of those whose addresses are kept while they are
away, and --address. It follows them by itself: mooringctl feed NAME.

Examples:
  mooringctl create list shop --for-namespace shop --for-hostname 'web-*'
  mooringctl create list partners --address 192.0.2.0/24 --address 198.51.100.7
  mooringctl create list everybody --for-hostname '*')",
      run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--network", words->network, "of its pods (default: \"default\")")->type_name("NAME");
  const char* group = "Whose addresses are on it";
  add_list(*command, "--for-namespace", words->selector.namespaces, "of pods in one of these namespaces", "PATTERN...")
      ->group(group);
  add_list(*command, "--for-hostname", words->selector.hostnames, "of pods with such a hostname, as web-*",
           "PATTERN...")
      ->group(group);
  add_list(*command, "--for-label", words->selector.labels, "of pods with all of these labels", "KEY=VALUE...")
      ->group(group);
  add_list(*command, "--address", words->addresses, "these addresses, blocks or ranges, always", "ADDRESS...")
      ->group(group);
  command->add_option("--note", words->note, "what it is for")->type_name("TEXT");
}

}  // namespace mooring::ctl
