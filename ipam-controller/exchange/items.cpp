// {"items": [...]} in the API's own shape: what `mooringctl export bindings -o json` (or yaml) writes.
#include <fmt/format.h>

#include "ipam-controller/exchange/formats.hpp"
#include "ipam-controller/exchange/yaml.hpp"

namespace mooring::exchange {
namespace {

// "binding.mac: 'zz' …" -> the fault of the field, without the path in front.
void read_item(const Document& document, const std::string& pointer, const Json& each, Reading& reading) {
  const Place place{document.file, document.line_of(pointer), ""};
  auto item = ipam_api::import_item_from(each, "item");
  if (!item) {
    reading.fault({place, "", "", item.error().message(), item.error().hint()});
    return;
  }
  if (item->what == ImportItem::What::binding && item->addresses.empty()) {
    reading.fault({place, "", "", "item.address: is missing", "an import does not choose addresses"});
    return;
  }
  item->source = place.str();
  reading.add(std::move(*item));
}

}  // namespace

void read_items(const TextFile& file, Reading& reading) {
  const auto documents = documents_in(file);
  if (!documents) {
    reading.fault({{file.name, 0, ""}, "", "", documents.error().message(), documents.error().hint()});
    return;
  }
  for (const Document& document : *documents) {
    if (!document.value.is_object() || !document.value.contains("items") || !document.value["items"].is_array()) {
      reading.fault({{file.name, document.line, ""},
                     "",
                     "",
                     "it has no list called items",
                     "expected what \"mooringctl export bindings -o json\" writes"});
      continue;
    }
    const Json& items = document.value["items"];
    for (std::size_t i = 0; i < items.size(); ++i) {
      read_item(document, fmt::format("/items/{}", i), items[i], reading);
    }
  }
}

}  // namespace mooring::exchange
