// The environment of a CNI call: what is refused, and that what is not needed is not looked at.
#include <catch2/catch.hpp>

#include "cni-plugin/call.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::cni;

namespace {

const Environment good{{"CNI_COMMAND", "ADD"},
                       {"CNI_CONTAINERID", "abc"},
                       {"CNI_IFNAME", "eth0"},
                       {"CNI_NETNS", "/run/netns/x"},
                       {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=db-0"}};

Error refused(const char* name, const char* value) {
  Environment environment = good;
  environment[name] = value;
  const auto call = call_of(Command::add, environment);
  REQUIRE(call.has_error());
  return call.error();
}

}  // namespace

TEST_CASE("a whole environment is understood") {
  Environment environment = good;
  environment["TRACEPARENT"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto call = call_of(Command::add, environment).value();
  CHECK(call.attachment.str() == "abc/eth0");
  CHECK(call.netns == "/run/netns/x");
  CHECK(call.args.at("K8S_POD_NAME") == "db-0");
  CHECK(call.trace_parent.size() == 55);
}

TEST_CASE("bad variables are named") {
  const auto [name, value] = GENERATE(table<const char*, const char*>({{"CNI_CONTAINERID", ""},
                                                                       {"CNI_CONTAINERID", "../../etc"},
                                                                       {"CNI_CONTAINERID", "-x"},
                                                                       {"CNI_IFNAME", ""},
                                                                       {"CNI_IFNAME", "eth0/../x"},
                                                                       {"CNI_IFNAME", "sixteen-letters-"},
                                                                       {"CNI_IFNAME", "."},
                                                                       {"CNI_NETNS", ""},
                                                                       {"CNI_ARGS", "K8S_POD_NAME"},
                                                                       {"CNI_ARGS", "=x"},
                                                                       {"CNI_ARGS", "IP=10.0.0.5;IP=10.0.0.6"},
                                                                       {"CNI_ARGS", "FOO=bar"}}));
  CAPTURE(name, value);
  const Error error = refused(name, value);
  CHECK(error.code() == Errc::bad_environment);
  CHECK(error.info().cni_code == 4);
  CHECK(error.message().find(name) != std::string::npos);
}

TEST_CASE("the command is one of six") {
  CHECK(command_of({{"CNI_COMMAND", "STATUS"}}).value() == Command::status);
  CHECK(command_of({}).error().code() == Errc::bad_environment);
  CHECK(command_of({{"CNI_COMMAND", "add"}}).error().message() == "CNI_COMMAND is 'add'");
}

TEST_CASE("commands do not look at what they do not need") {
  const Environment dummies{{"CNI_NETNS", "dummy"}, {"CNI_IFNAME", "dummy"}, {"CNI_PATH", "dummy"}};
  CHECK(call_of(Command::version, dummies));
  CHECK(call_of(Command::status, {}));
  Environment late = good;
  late["CNI_NETNS"] = "";
  late["CNI_ARGS"] = "nonsense";
  CHECK(call_of(Command::del, late).value().netns.empty());
}

TEST_CASE("arguments come in any order, and unknown ones with leave") {
  const auto args = parse_args("FOO=a=b;;IgnoreUnknown=true;IP=10.0.0.5;").value();
  CHECK(args.at("FOO") == "a=b");
  CHECK(args.at("IP") == "10.0.0.5");
  CHECK(parse_args("").value().empty());
  CHECK(parse_args("IP=1;IP=1"));
  CHECK(parse_args("FOO=x;IgnoreUnknown=0").has_error());
}
