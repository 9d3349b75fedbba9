#include "mooring/ipam_api/given.hpp"

namespace mooring::ipam_api {

Json to_json(const GivenReport& value) {
  Json addresses = Json::array();
  for (const net::IpAddress address : value.addresses.all()) {
    addresses.push_back(address.str());
  }
  Json json = {{"request", to_json(value.request)},
               {"vni", value.vni.value()},
               {"addresses", std::move(addresses)},
               {"mac", value.mac.str()},
               {"generation", value.generation}};
  if (value.in_place_of) {
    json["in_place_of"] = value.in_place_of->str();
  }
  return json;
}

Result<GivenReport> given_report_from(const Json& json) {
  Fields fields(json, "given");
  GivenReport report;
  if (const Json* request = fields.object("request")) {
    report.request = fields.take("request", allocate_request_from(*request));
  } else {
    fields.fail("request", Error(Errc::invalid_argument, "is missing", "what POST /v1/ports:allocate takes"));
  }
  report.vni = fields.take("vni", net::Vni::from(fields.number("vni")));
  for (const std::string& text : fields.strings("addresses")) {
    const net::IpAddress address = fields.take("addresses", net::IpAddress::parse(text));
    if (report.addresses.of(address.family())) {
      fields.fail("addresses", Error(Errc::invalid_argument, "has two of one family", "one of each family"));
    }
    report.addresses.set(address);
  }
  if (report.addresses.empty()) {
    fields.fail("addresses", Error(Errc::invalid_argument, "is empty", "one of each family at most, and one at least"));
  }
  report.mac = fields.parsed("mac", &net::MacAddress::parse);
  report.generation = fields.number("generation");
  if (fields.has("in_place_of")) {
    report.in_place_of = fields.parsed("in_place_of", &parse_attachment);
  }
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return report;
}

}  // namespace mooring::ipam_api
