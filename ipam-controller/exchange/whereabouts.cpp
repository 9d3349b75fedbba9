// Whereabouts keeps an IPPool object for each range: spec.range is a block, spec.allocations a map from the offset in
// it to {id, podref, ifname}. The offset counts from the address that the range is written with.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "ipam-controller/exchange/formats.hpp"
#include "ipam-controller/exchange/yaml.hpp"

namespace mooring::exchange {
namespace {

constexpr std::string_view group = "whereabouts.cni.cncf.io/";

const Json& at(const Json& object, const char* key) {
  static const Json nothing;
  return object.is_object() && object.contains(key) ? object[key] : nothing;
}
std::string text_at(const Json& object, const char* key) {
  const Json& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

// What Whereabouts makes of a range for the names of its pools: "fd00::/64" -> "fd00---64".
std::string in_pool_names(std::string range) {
  std::replace(range.begin(), range.end(), ':', '-');
  std::replace(range.begin(), range.end(), '/', '-');
  return range;
}

// "blue-10.0.0.0-24" -> "blue": pools of a named network carry its name in front.
std::string network_of(const std::string& pool, const std::string& range) {
  const std::string tail = "-" + in_pool_names(range);
  return pool.ends_with(tail) ? pool.substr(0, pool.size() - tail.size()) : "";
}

struct Pool {
  const Document& document;
  std::string pointer;
  std::string name;
  Reading& reading;

  Place place(const std::string& inner, const std::string& item) const {
    return {document.file, document.line_of(pointer + inner), "IPPool " + name + item};
  }
};

void read_allocation(const Pool& pool, const std::string& range, const net::IpInterfaceAddress& first,
                     const std::string& offset_text, const Json& allocation) {
  Entry entry;
  entry.place = pool.place("/spec/allocations/" + offset_text, ", allocation " + offset_text);
  std::uint64_t offset = 0;
  const auto [end, failed] = std::from_chars(offset_text.data(), offset_text.data() + offset_text.size(), offset);
  if (failed != std::errc{} || end != offset_text.data() + offset_text.size()) {
    pool.reading.fault({entry.place, "allocations", offset_text, "it is no offset", "Whereabouts writes a number"});
    return;
  }
  const net::IpAddress address = net::plus(first.address, offset);
  if (address.family() != first.address.family() ||
      !net::IpCidr(first.address, first.prefix_length).contains(address)) {
    pool.reading.fault({entry.place, "allocations", offset_text, "it is outside the range " + range,
                        "take the allocation away, or correct the range"});
    return;
  }
  const std::string reference = text_at(allocation, "podref");
  const std::string container = text_at(allocation, "id");
  entry.source_network = network_of(pool.name, range);
  entry.address = address.str();
  entry.ifname = text_at(allocation, "ifname");
  entry.name_field = "podref";
  entry.nameless = fmt::format("whereabouts {}: container {}", pool.name, container);
  if (!reference.empty()) {
    const auto slash = reference.find('/');
    if (slash == reference.npos) {
      pool.reading.fault({entry.place, "podref", reference, "it is no pod", "expected NAMESPACE/NAME"});
      return;
    }
    entry.namespace_ = reference.substr(0, slash);
    entry.name = reference.substr(slash + 1);
    entry.name_is_whole = true;
  }
  pool.reading.add(entry);
}

void read_pool(const Pool& pool, const Json& object) {
  const Json& spec = at(object, "spec");
  const std::string range = text_at(spec, "range");
  const auto first = net::IpInterfaceAddress::parse(range);
  if (!first) {
    pool.reading.fault(
        {pool.place("/spec", ""), "range", range, first.error().message(), "expected a block, as 10.0.0.0/24"});
    return;
  }
  const Json& allocations = at(spec, "allocations");
  if (!allocations.is_null() && !allocations.is_object()) {
    pool.reading.fault({pool.place("/spec", ""), "allocations", "", "it is no object", ""});
    return;
  }
  for (const auto& [offset, allocation] : allocations.items()) {
    if (!allocation.is_object()) {
      pool.reading.fault({pool.place("/spec", ", allocation " + offset), "allocations", offset, "it is no object", ""});
      continue;
    }
    read_allocation(pool, range, *first, offset, allocation);
  }
}

void read_object(const Document& document, const std::string& pointer, const Json& object, Reading& reading) {
  const std::string kind = text_at(object, "kind");
  const Json& items = at(object, "items");
  const Place place{document.file, document.line_of(pointer), ""};
  if (items.is_array()) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      read_object(document, fmt::format("{}/items/{}", pointer, i), items[i], reading);
    }
  } else if (!text_at(object, "apiVersion").starts_with(group)) {
    reading.fault({place, "apiVersion", text_at(object, "apiVersion"), "it is not of Whereabouts",
                   "kubectl get ippools.whereabouts.cni.cncf.io -A -o yaml"});
  } else if (kind == "OverlappingRangeIPReservation" || kind == "NodeSlicePool") {
    reading.leave_out(
        place, fmt::format("{} {}: its addresses are in IPPools too", kind, text_at(at(object, "metadata"), "name")));
  } else if (kind != "IPPool") {
    reading.fault({place, "kind", kind, "it is no IPPool", "kubectl get ippools.whereabouts.cni.cncf.io -A -o yaml"});
  } else {
    read_pool(Pool{document, pointer, text_at(at(object, "metadata"), "name"), reading}, object);
  }
}

}  // namespace

void read_whereabouts(const TextFile& file, Reading& reading) {
  const auto documents = documents_in(file);
  if (!documents) {
    reading.fault({{file.name, 0, ""}, "", "", documents.error().message(), documents.error().hint()});
    return;
  }
  for (const Document& document : *documents) {
    read_object(document, "", document.value, reading);
  }
}

}  // namespace mooring::exchange
