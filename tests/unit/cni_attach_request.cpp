// What an ADD asks for: names, ordinal and wishes, and who wins where several say something.
#include <catch2/catch.hpp>

#include "cni-plugin/attach_request.hpp"
#include "support/catch_result.hpp"

using namespace mooring;
using namespace mooring::cni;

namespace {

Call a_call(const std::string& args, const std::string& ifname = "eth0") {
  Call call;
  call.command = Command::add;
  call.attachment = {"abc", ifname};
  call.netns = "/run/netns/x";
  call.args = parse_args(args).value();
  return call;
}

const std::string kubernetes = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0;K8S_POD_UID=u-1";

}  // namespace

TEST_CASE("a pod is known by name, namespace and UID") {
  const auto request = attach_request_for(a_call(kubernetes), {}).value();
  CHECK(request.hostname == "db-0");
  CHECK(request.namespace_ == "shop");
  CHECK(request.pod_uid == "u-1");
  CHECK(request.interface_ordinal == 0);
  CHECK_FALSE(request.wishes.address);
}

TEST_CASE("pod annotations win over arguments, arguments over configuration") {
  ConfiguredWishes configured;
  configured.pool = "by-conf";
  configured.kind = "stateless";
  configured.ips = {"10.0.0.1"};
  CHECK(attach_request_for(a_call(""), configured).value().wishes.pool == "by-conf");
  CHECK(attach_request_for(a_call(""), configured).value().wishes.address->str() == "10.0.0.1");

  const Call call = a_call(kubernetes + ";MOORING_POOL=by-arg;IP=10.0.0.2;MAC=0a:58:0a:00:00:02;MOORING_KIND=static");
  const auto by_args = attach_request_for(call, configured).value();
  CHECK(by_args.wishes.pool == "by-arg");
  CHECK(by_args.wishes.address->str() == "10.0.0.2");
  CHECK(by_args.wishes.mac->str() == "0a:58:0a:00:00:02");
  CHECK(by_args.wishes.kind == ipam_api::Kind::fixed_by_admin);

  configured.annotations = {{"pool", "by-pod"},  {"ip", "10.0.0.3/24"}, {"hostname", "Web-1"}, {"kind", "stateful"},
                            {"subnet", "front"}, {"network", "blue"},   {"unknown", "x"}};
  const auto by_pod = attach_request_for(call, configured).value();
  CHECK(by_pod.wishes.pool == "by-pod");
  CHECK(by_pod.wishes.address->str() == "10.0.0.3");
  CHECK(by_pod.hostname == "web-1");
  CHECK(by_pod.wishes.kind == ipam_api::Kind::stateful);
  CHECK(by_pod.wishes.subnet == "front");
  CHECK(by_pod.wishes.network == "blue");
}

TEST_CASE("an empty annotation says nothing") {
  ConfiguredWishes configured;
  configured.annotations = {{"ip", ""}};
  CHECK(attach_request_for(a_call("IP=10.0.0.2"), configured).value().wishes.address->str() == "10.0.0.2");
}

TEST_CASE("without a pod there are defaults") {
  const auto request = attach_request_for(a_call(""), {}).value();
  CHECK(request.hostname == "abc");
  CHECK(request.namespace_ == "default");
  ConfiguredWishes configured;
  configured.namespace_ = "lab";
  CHECK(attach_request_for(a_call(""), configured).value().namespace_ == "lab");
  CHECK(attach_request_for(a_call(kubernetes), configured).value().namespace_ == "shop");
}

TEST_CASE("a wish that is malformed is refused and its source named") {
  ConfiguredWishes by_pod;
  by_pod.annotations = {{"ip", "10.0.0.300"}};
  const auto annotation = attach_request_for(a_call(""), by_pod);
  CHECK(annotation.error().code() == Errc::invalid_config);
  CHECK(annotation.error().message().find("annotation mooring.io/ip") == 0);

  const auto argument = attach_request_for(a_call("MAC=zz"), {});
  CHECK(argument.error().code() == Errc::bad_environment);
  CHECK(argument.error().message().find("CNI_ARGS MAC") == 0);

  ConfiguredWishes several;
  several.ips = {"10.0.0.1", "10.0.0.2"};
  CHECK(attach_request_for(a_call(""), several).error().code() == Errc::unsupported);
  ConfiguredWishes six;
  six.ips = {"fd00::1"};
  CHECK(attach_request_for(a_call(""), six).error().code() == Errc::unsupported);

  CHECK(attach_request_for(a_call("K8S_POD_NAME=-x"), {}).error().message().find("CNI_ARGS K8S_POD_NAME") == 0);
  CHECK(attach_request_for(a_call("K8S_POD_NAMESPACE=A_b"), {}).error().code() == Errc::bad_environment);
  CHECK(attach_request_for(a_call("MOORING_KIND=pet"), {}).error().code() == Errc::bad_environment);
}

TEST_CASE("the ordinal is the number at the end of the interface's name") {
  CHECK(interface_ordinal("eth0").value() == 0);
  CHECK(interface_ordinal("net1").value() == 1);
  CHECK(interface_ordinal("net12").value() == 12);
  CHECK(interface_ordinal("up").value() == 0);
  CHECK(interface_ordinal("e99999999999999").has_error());
}

TEST_CASE("container ids become labels, and different ones stay different") {
  const auto name = [](const std::string& id) { return hostname_from_container_id({id, "eth0"}); };
  const std::string hexadecimal(64, 'a');
  CHECK(name(hexadecimal) == std::string(16, 'a'));
  CHECK(name("web") == "web");
  CHECK(name("a_b") != name("a.b"));
  CHECK(name("a_b").starts_with("a-b-"));
  CHECK(name("AB") != name("ab"));
  CHECK(name("x" + std::string(100, '.')) != name("x" + std::string(101, '.')));
  for (const std::string& id : {std::string("a_"), std::string(255, 'x'), "x" + std::string(200, '_')}) {
    CAPTURE(id, name(id));
    CHECK(ipam_api::parse_hostname("hostname", name(id)));
    CHECK(name(id).size() <= 63);
  }
}
