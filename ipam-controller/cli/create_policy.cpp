// create rule|binding|extra-address|webhook
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "ipam-controller/cli/create_words.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

struct RuleWords {
  std::string name, takeover;
  WishWords wishes;
  SelectorWords selector;
  std::optional<std::uint64_t> order;
};

Result<void> create_rule(ControllerSession& session, Invocation& invocation, const RuleWords& words) {
  Json body = {{"name", words.name}};
  if (words.order) {
    body["order"] = *words.order;
  }
  if (auto put = words.selector.put_into(body); !put) {
    return put;
  }
  if (auto put = words.wishes.put_into(body); !put) {
    return put;
  }
  if (!words.takeover.empty()) {
    body["takeover"] = words.takeover == "yes";
  }
  return post_object(session, invocation, **find_kind("rule"), words.name, body, {{"order", "order"}});
}

struct BindingWords {
  std::string name, namespace_, network, pool, mac, kind, retention, workload, note;
  std::vector<std::string> addresses, labels;
  std::optional<std::uint64_t> ordinal;
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
    if (words.ordinal && *words.ordinal != ordinal->get<std::uint64_t>()) {
      return Error(
          Errc::invalid_argument,
          fmt::format("reading the binding \"{}\": --interface {} is another interface", words.name, *words.ordinal),
          "say it in one place");
    }
    body["interface_ordinal"] = *ordinal;
  } else if (words.ordinal && *words.ordinal != 0) {
    body["interface_ordinal"] = *words.ordinal;
  }
  put_field(body, "network", name->network);
  if (auto put = put_families(body, "address", words.addresses); !put) {
    return put;
  }
  put_field(body, "pool", words.pool);
  put_field(body, "mac", words.mac);
  put_field(body, "kind", words.kind);
  put_field(body, "retention", words.retention);
  put_field(body, "workload", words.workload);
  put_field(body, "note", words.note);
  auto labels = labels_of("--label", words.labels);
  if (!labels) {
    return labels.error();
  }
  if (!labels->empty()) {
    body["labels"] = std::move(*labels);
  }
  return post_object(session, invocation, kind, words.name, body,
                     {{"address", "address+address6"}, {"MAC", "mac"}, {"pool", "pool"}});
}

struct ExtraAddressWords {
  std::string name, namespace_, network, note;
  std::vector<std::string> hostnames;
};

Result<void> create_extra_address(ControllerSession& session, Invocation& invocation, const ExtraAddressWords& words) {
  const Kind& kind = **find_kind("extra-address");
  ObjectName defaults;
  defaults.network = words.network;
  const auto name = parse_object_name(kind, words.name, defaults);
  if (!name) {
    return name.error();
  }
  Json body = {{"address", name->name}, {"namespace", words.namespace_}};
  put_field(body, "network", name->network);
  put_field(body, "hostnames", words.hostnames);
  put_field(body, "note", words.note);
  return post_object(session, invocation, kind, words.name, body, {{"network", "network"}, {"subnet", "subnet"}});
}

struct WebhookWords {
  std::string name, url, secret_file;
  std::vector<std::string> events;
  bool disabled = false;
};

Result<void> create_webhook(ControllerSession& session, Invocation& invocation, const WebhookWords& words) {
  Json body = {{"name", words.name}, {"url", words.url}};
  put_field(body, "events", words.events);
  if (words.disabled) {
    body["disabled"] = true;
  }
  if (!words.secret_file.empty()) {
    std::ifstream file(words.secret_file);
    std::string secret;
    if (!std::getline(file, secret) || secret.empty()) {
      return Error(Errc::invalid_argument,
                   fmt::format("reading --secret-file {}: {}", words.secret_file,
                               file.is_open() ? "it is empty" : std::strerror(errno)),
                   "its first line is the secret: head -c 32 /dev/urandom | base64 > FILE");
    }
    body["secret"] = secret;
  }
  return post_object(session, invocation, **find_kind("webhook"), words.name, body, {{"signed", "signed"}});
}

}  // namespace

void add_create_rule(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<RuleWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_rule(session, invocation, *words);
  };
  CLI::App* command = add_action(
      create, invocation, "rule", "what pods get that do not say themselves",
      R"(Rules that select by namespace alone come first, then by --order, then by name; field by field, the first that says
something wins. What a pod says itself comes before all rules.

Examples:
  mooringctl create rule shop-web --for-namespace shop --for-hostname 'web-*' --kind stateful --pool shop-fixed
  mooringctl create rule batch --for-namespace 'batch-*' --pool small,large --takeover no)",
      run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--order", words->order, "smaller ones come first (default: 100)")->type_name("NUMBER");
  words->selector.add_options(*command);
  const char* group = "What they get";
  command->add_option("--network", words->wishes.network, "this network")->type_name("NAME")->group(group);
  command->add_option("--subnet", words->wishes.subnet, "this subnet")->type_name("NAME")->group(group);
  add_list(*command, "--pool", words->wishes.pools, "the first of these pools that can give", "POOL...")->group(group);
  command->add_option("--kind", words->wishes.kind, "stateless, stateful or static")->type_name("KIND")->group(group);
  command->add_option("--retention", words->wishes.retention, "OnDelete [DURATION], WithWorkload, TTL DURATION, Never")
      ->type_name("RETENTION")
      ->group(group);
  command->add_option("--workload", words->wishes.workload, "the owner, for WithWorkload")
      ->type_name("NAME")
      ->group(group);
  add_list(*command, "--label", words->wishes.labels, "these labels", "KEY=VALUE...")->group(group);
  command
      ->add_option("--takeover", words->takeover, "yes, no: may they take a hostname that is live in another workload?")
      ->check(CLI::IsMember({"yes", "no"}))
      ->type_name("YES|NO")
      ->group(group);
}

void add_create_binding(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<BindingWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_binding(session, invocation, *words);
  };
  CLI::App* command =
      add_action(create, invocation, "binding", "a fixed address and MAC for a hostname, before its pod exists",
                 R"(Examples:
  mooringctl create binding prod/db-0 --address 10.100.16.10
  mooringctl create binding db-1 -n prod --pool db             the pool's next free address, of each of its families
  mooringctl create binding prod/db-2 --address 10.101.0.7 --address6 fd00:101::7 --retention 'TTL 7d' \
      --label tier=db --note 'moved from the old rack')",
                 run);
  command->add_option("NAME", words->name, "NAMESPACE/HOSTNAME")->required()->type_name("");
  command->add_option("-n,--namespace", words->namespace_, "namespace, if NAME is a hostname alone")->type_name("NAME");
  command->add_option("--network", words->network, "its network (default: \"default\")")->type_name("NAME");
  add_list(*command, "--address,--address6", words->addresses,
           "the address of a family (default: the pool's next free one)", "ADDRESS...");
  command->add_option("--pool", words->pool, "the pool (default: that of the address, or the default pool)")
      ->type_name("NAME");
  command
      ->add_option("--interface", words->ordinal,
                   "which of the pod's interfaces: the number at the end of its name, 0 for eth0 (default), 1 for net1")
      ->type_name("NUMBER");
  command->add_option("--mac", words->mac, "the MAC (default: made from the address)")->type_name("MAC");
  command->add_option("--kind", words->kind, "static (default) or stateful")->type_name("KIND");
  command
      ->add_option(
          "--retention", words->retention,
          "how long it lives without its pod: OnDelete [DURATION], WithWorkload, TTL DURATION, Never (default)")
      ->type_name("RETENTION");
  command->add_option("--workload", words->workload, "its owner (default: the hostname without its ordinal)")
      ->type_name("NAME");
  add_list(*command, "--label", words->labels, "its labels", "KEY=VALUE...");
  command->add_option("--note", words->note, "what is to be known about it")->type_name("TEXT");
}

void add_create_extra_address(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<ExtraAddressWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_extra_address(session, invocation, *words);
  };
  CLI::App* command = add_action(create, invocation, "extra-address",
                                 "an address that moves between pods (keepalived, VRRP)", R"(Example:
  mooringctl create extra-address 10.100.0.9 -n shop --hostname 'lb-*'
  mooringctl extra-address move 10.100.0.9 --to shop/lb-0)",
                                 run);
  command->add_option("NAME", words->name, "ADDRESS or NETWORK/ADDRESS")->required()->type_name("");
  command->add_option("--network", words->network, "its network (default: \"default\")")->type_name("NAME");
  command->add_option("-n,--namespace", words->namespace_, "of the pods that may hold it")
      ->required()
      ->type_name("NAME");
  add_list(*command, "--hostname", words->hostnames, "which of them may", "PATTERN...")->required();
  command->add_option("--note", words->note, "what it is for")->type_name("TEXT");
}

void add_create_webhook(CLI::App& create, Invocation& invocation) {
  const auto words = std::make_shared<WebhookWords>();
  const auto run = [&invocation, words](ControllerSession& session) {
    return create_webhook(session, invocation, *words);
  };
  CLI::App* command = add_action(create, invocation, "webhook", "a URL that hears of events", R"(Example:
  mooringctl create webhook pager --url https://pager.example/mooring --event 'pool.*' --secret-file pager.secret)",
                                 run);
  command->add_option("NAME", words->name, "its name")->required()->type_name("");
  command->add_option("--url", words->url, "where events are posted")->required()->type_name("URL");
  add_list(*command, "--event", words->events, "which events (default: all)", "PATTERN...");
  command->add_option("--secret-file", words->secret_file, "file with the secret that deliveries are signed with")
      ->type_name("FILE");
  command->add_flag("--disabled", words->disabled, "nothing is sent yet");
}

}  // namespace mooring::ctl
