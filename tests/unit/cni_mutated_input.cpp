// Whatever comes in, exactly one error object or answer goes out. Inputs are real ones with bytes changed, cut out and
// doubled; the seed is fixed, so a failure comes again.
#include <random>

#include <catch2/catch.hpp>

#include "cni-plugin/skel.hpp"
#include "mooring/ipam_api/json_fields.hpp"

using namespace mooring;
using namespace mooring::cni;

namespace {

const std::string configuration =
    R"({"cniVersion":"1.0.0","name":"pods","type":"mooring","agentSocket":"/nonexistent/a",
  "ovsdb":"unix:/nonexistent/b","pool":"web","kind":"stateful","timeoutSeconds":1,"args":{"cni":{"ips":["10.0.0.6"]}},
  "capabilities":{"ips":true},"runtimeConfig":{"Mac":"0a:58:0a:00:00:05","portMappings":null,
  "io.kubernetes.cri.pod-annotations":{"mooring.io/ip":"10.0.0.5","x":"\u00e9\n"}},
  "prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","mac":"0a:58:0a:00:00:05","sandbox":"/proc/none"}],
  "ips":[{"address":"10.0.0.5/24","interface":0}],"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]}})";

class Mutator {
 public:
  std::string operator()(std::string text) {
    for (int changes = pick(1, 4); changes > 0 && !text.empty(); --changes) {
      const std::size_t at = static_cast<std::size_t>(pick(0, static_cast<int>(text.size()) - 1));
      const std::size_t length = static_cast<std::size_t>(pick(1, 12));
      static constexpr std::string_view special = "{}[]\",:\\0;=/\xff\x80 -9e";
      switch (pick(0, 3)) {
        case 0:
          text[at] = special[static_cast<std::size_t>(pick(0, static_cast<int>(special.size()) - 1))];
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        default:
          text[at] = static_cast<char>(pick(0, 255));
      }
    }
    return text;
  }
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

 private:
  std::mt19937 random_{20260101};
};

}  // namespace

TEST_CASE("mutated input gets one object, or nothing and success") {
  Mutator mutated;
  const char* commands[] = {"ADD", "CHECK", "STATUS", "GC", "VERSION"};
  int errors = 0;
  for (int i = 0; i < 4000; ++i) {
    Environment environment{{"CNI_COMMAND", commands[mutated.pick(0, 4)]},
                            {"CNI_CONTAINERID", "abc"},
                            {"CNI_IFNAME", "eth0"},
                            {"CNI_NETNS", "/nonexistent/netns"},
                            {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0;IP=10.0.0.5"}};
    std::string input = configuration;
    if (i % 2 == 0) {
      input = mutated(input);
    } else {
      auto& value = std::next(environment.begin(), mutated.pick(0, 4))->second;
      value = mutated(value);
    }
    int answers = 0;
    std::string output;
    const Streams streams{[&] { return Result<std::string>(input); },
                          [&](std::string_view text) {
                            ++answers;
                            output = text;
                            return true;
                          }};
    const int status = run(environment, streams, Interruption());
    const auto json = ipam_api::Json::parse(output, nullptr, false);
    const bool one_object = answers == 1 && json.is_object();
    const bool is_error = one_object && status == 1 && json["code"].is_number() && !json["msg"].empty();
    const bool is_version = one_object && status == 0 && json.contains("supportedVersions");
    if (!is_error && !is_version) {
      FAIL("input " << input << "\nanswered " << status << ": " << output);
    }
    errors += is_error ? 1 : 0;
  }
  CHECK(errors > 2000);
}
