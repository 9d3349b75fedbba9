#include "cni-plugin/pod_wishes.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cni-plugin/log.hpp"

namespace mooring::cni {
namespace {

using ipam_api::Labels;
using ipam_api::Wishes;

constexpr std::array known_annotations{"ip",      "ips",      "mac",  "pool",      "pools",   "subnet",
                                       "network", "hostname", "kind", "retention", "workload"};
constexpr std::string_view label_prefix = "label.";
constexpr std::size_t most_pools = 16;

// "10.0.0.5", "10.0.0.5/24", "fd00::5": the prefix length is the subnet's affair.
Result<net::IpAddress> address_from(const std::string& text) {
  if (text.find('/') == std::string::npos) {
    return net::IpAddress::parse(text);
  }
  const auto with_length = net::IpInterfaceAddress::parse(text);
  return with_length ? Result<net::IpAddress>(with_length->address) : with_length.error();
}

// At most one of each family.
Result<net::AddressPair> pair_of(const Wish& wish, const std::vector<std::string>& texts) {
  net::AddressPair pair;
  for (const std::string& text : texts) {
    const auto address = wish.parsed(address_from(text));
    if (!address) {
      return address.error();
    }
    if (const auto& other = pair.of(address->family())) {
      return wish.wrong(Error(Errc::unsupported,
                              fmt::format("{} and {} are both {} addresses", other->str(), address->str(),
                                          net::to_string(address->family())),
                              "an interface has one address of each family"));
    }
    pair.set(*address);
  }
  return pair;
}

Result<net::AddressPair> wished_addresses(const WishSources& sources, const ConfiguredWishes& configured) {
  const auto wish = sources.of_pod({"ip", "ips"}, {"IP"});
  if (!wish) {
    return wish.error();
  }
  if (wish->value.empty()) {
    return pair_of(WishSources::configured("ips", ""), configured.ips);
  }
  const auto items = items_of(*wish);
  return items ? pair_of(*wish, *items) : Result<net::AddressPair>(items.error());
}

Result<std::string> name_of(const Wish& wish, const char* field) {
  return wish.value.empty() ? Result<std::string>(std::string()) : wish.parsed(ipam_api::parse_name(field, wish.value));
}

Result<std::vector<std::string>> pools_of(const Wish& wish) {
  auto items = items_of(wish);
  if (!items) {
    return items;
  }
  if (items->size() > most_pools) {
    return wish.wrong(Error(Errc::invalid_argument, fmt::format("names {} pools", items->size()),
                            fmt::format("at most {}", most_pools)));
  }
  for (std::size_t i = 0; i < items->size(); ++i) {
    auto& item = (*items)[i];
    auto pool = wish.parsed(ipam_api::parse_name("pool", item));
    if (!pool) {
      return pool.error();
    }
    if (std::find(items->begin(), items->begin() + static_cast<std::ptrdiff_t>(i), *pool) !=
        items->begin() + static_cast<std::ptrdiff_t>(i)) {
      return wish.wrong(Error(Errc::invalid_argument, fmt::format("names pool {} twice", *pool)));
    }
    item = std::move(*pool);
  }
  return items;
}

// A reader of one text for one optional field.
template <class T>
Result<void> put_if_said(const Wish& wish, Result<T> (*parse)(std::string_view), std::optional<T>& field) {
  if (wish.value.empty()) {
    return ok();
  }
  const auto parsed = wish.parsed(parse(wish.value));
  if (!parsed) {
    return parsed.error();
  }
  field = *parsed;
  return ok();
}

Result<void> add_label(const Wish& source, const std::string& key, const std::string& value, Labels& labels) {
  const auto read = source.parsed(ipam_api::labels_from(ipam_api::Json{{key, value}}));
  if (!read) {
    return read.error();
  }
  labels.insert_or_assign(key, value);
  if (labels.size() > ipam_api::max_labels) {
    return source.wrong(Error(Errc::invalid_argument, fmt::format("is label number {}", labels.size()),
                              fmt::format("a pod has at most {} labels", ipam_api::max_labels)));
  }
  return ok();
}

// By an alias a pod is found as by any label: `mooringctl get ports --selector alias/db=true`.
Result<void> add_aliases(const ConfiguredWishes& configured, Labels& labels) {
  for (const std::string& alias : configured.aliases) {
    const Wish source = WishSources::configured("runtimeConfig.aliases", alias);
    if (alias.empty() || alias.find('/') != std::string::npos) {
      return source.wrong(
          Error(Errc::invalid_argument, fmt::format("'{}' is no name", alias), "letters, digits and . _ - make one"));
    }
    if (const auto put = add_label(source, fmt::format("alias/{}", alias), "true", labels); !put) {
      return put.error();
    }
  }
  return ok();
}

Result<Labels> labels_of_pod(const WishSources& sources, const ConfiguredWishes& configured) {
  Labels labels;
  if (const auto named = add_aliases(configured, labels); !named) {
    return named.error();
  }
  const Wish argument = sources.argument({"MOORING_LABELS"});
  const auto pairs = items_of(argument);
  if (!pairs) {
    return pairs.error();
  }
  for (const std::string& pair : *pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) {
      return argument.wrong(Error(Errc::invalid_argument, fmt::format("'{}' is not NAME=VALUE", pair),
                                  "like MOORING_LABELS=app=shop,tier=web"));
    }
    if (const auto put = add_label(argument, pair.substr(0, equals), pair.substr(equals + 1), labels); !put) {
      return put.error();
    }
  }
  for (const auto& [key, value] : configured.annotations) {
    if (key.starts_with(label_prefix)) {
      const Wish source{value, "annotation mooring.io/" + key};
      if (const auto put = add_label(source, key.substr(label_prefix.size()), value, labels); !put) {
        return put.error();
      }
    }
  }
  return labels;
}

// Network, subnet and pools are one wish: an annotation of one of them makes the arguments' others void.
struct Scope {
  Wish network, subnet, pools;
  bool empty() const { return network.value.empty() && subnet.value.empty() && pools.value.empty(); }
};

Result<Scope> scope_of_pod(const WishSources& sources) {
  const auto network = sources.annotation({"network"});
  const auto subnet = sources.annotation({"subnet"});
  const auto pools = sources.annotation({"pool", "pools"});
  if (!network || !subnet || !pools) {
    return !network ? network.error() : !subnet ? subnet.error() : pools.error();
  }
  Scope scope{*network, *subnet, *pools};
  if (scope.empty()) {
    scope = {sources.argument({"MOORING_NETWORK"}), sources.argument({"MOORING_SUBNET"}),
             sources.argument({"MOORING_POOL"})};
  }
  return scope;
}

// The texts that several fields have in common.
struct Texts {
  Wish network, subnet, pools, kind, retention;
};

Result<Wishes> wishes_from(const Texts& texts) {
  Wishes wishes;
  const auto network = name_of(texts.network, "network");
  const auto subnet = name_of(texts.subnet, "subnet");
  auto pools = pools_of(texts.pools);
  if (!network || !subnet || !pools) {
    return !network ? network.error() : !subnet ? subnet.error() : pools.error();
  }
  wishes.network = *network;
  wishes.subnet = *subnet;
  wishes.pools = std::move(*pools);
  if (const auto put = put_if_said(texts.kind, &ipam_api::parse_kind, wishes.kind); !put) {
    return put.error();
  }
  if (const auto put = put_if_said(texts.retention, &ipam_api::parse_retention, wishes.retention); !put) {
    return put.error();
  }
  return wishes;
}

}  // namespace

Result<Wishes> wishes_of_pod(const WishSources& sources, const ConfiguredWishes& configured) {
  const auto scope = scope_of_pod(sources);
  if (!scope) {
    return scope.error();
  }
  const auto kind = sources.of_pod({"kind"}, {"MOORING_KIND"});
  const auto retention = sources.of_pod({"retention"}, {"MOORING_RETENTION"});
  const auto workload = sources.of_pod({"workload"}, {"MOORING_WORKLOAD"});
  const auto mac = sources.of_pod({"mac"}, {"MAC"});
  for (const auto* wish : {&kind, &retention, &workload, &mac}) {
    if (!*wish) {
      return wish->error();
    }
  }
  auto wishes = wishes_from({scope->network, scope->subnet, scope->pools, *kind, *retention});
  if (!wishes) {
    return wishes;
  }
  if (!workload->value.empty()) {
    auto name = workload->parsed(ipam_api::parse_hostname("workload", workload->value));
    if (!name) {
      return name.error();
    }
    wishes->workload = std::move(*name);
  }
  const auto addresses = wished_addresses(sources, configured);
  if (!addresses) {
    return addresses.error();
  }
  wishes->addresses = *addresses;
  const Wish by_runtime = WishSources::configured("runtimeConfig.mac", configured.mac);
  if (const auto put = put_if_said(mac->value.empty() ? by_runtime : *mac, &net::MacAddress::parse, wishes->mac);
      !put) {
    return put.error();
  }
  auto labels = labels_of_pod(sources, configured);
  if (!labels) {
    return labels.error();
  }
  wishes->labels = std::move(*labels);
  return wishes;
}

Result<Wishes> wishes_of_configuration(const ConfiguredWishes& configured) {
  const auto said = &WishSources::configured;
  auto wishes = wishes_from({said("network", configured.network), said("subnet", configured.subnet),
                             said("pool", configured.pool), said("kind", configured.kind),
                             said("retention", configured.retention)});
  if (!wishes) {
    return wishes;
  }
  for (const auto& [key, value] : configured.labels) {
    if (const auto put = add_label(said("labels", value), key, value, wishes->labels); !put) {
      return put.error();
    }
  }
  return wishes;
}

void tell_unknown_annotations(const ConfiguredWishes& configured) {
  for (const auto& [key, value] : configured.annotations) {
    const bool known = key.starts_with(label_prefix) ||
                       std::find(known_annotations.begin(), known_annotations.end(), key) != known_annotations.end();
    if (!known) {
      log_line(fmt::format("annotation mooring.io/{} is not known to this version and ignored", key));
    }
  }
}

}  // namespace mooring::cni
