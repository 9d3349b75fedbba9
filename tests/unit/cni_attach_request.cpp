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
  CHECK(request.wishes == ipam_api::Wishes());
  CHECK(request.configured == ipam_api::Wishes());
}

TEST_CASE("annotations win over arguments; the configuration's wishes are told apart from them") {
  ConfiguredWishes configured;
  configured.pool = "by-conf, other";
  configured.kind = "stateless";
  configured.retention = "TTL 1h";
  configured.labels = {{"rack", "7"}};
  configured.ips = {"10.0.0.1", "fd00::1/64"};
  const auto nothing_said = attach_request_for(a_call(""), configured).value();
  CHECK(nothing_said.wishes.pools.empty());
  CHECK(nothing_said.wishes.addresses.str() == "10.0.0.1, fd00::1");  // capability argument: of this pod
  CHECK(nothing_said.configured.pools == std::vector<std::string>{"by-conf", "other"});
  CHECK(nothing_said.configured.kind == ipam_api::Kind::stateless);
  CHECK(nothing_said.configured.retention->str() == "TTL 1h");
  CHECK(nothing_said.configured.labels == ipam_api::Labels{{"rack", "7"}});
  CHECK(nothing_said.configured.addresses.empty());

  configured.aliases = {"db", "my_app.shop"};
  const ipam_api::Labels named{{"alias/db", "true"}, {"alias/my_app.shop", "true"}};
  CHECK(attach_request_for(a_call(""), configured).value().wishes.labels == named);
  for (const char* wrong : {"", "a b", "a/b"}) {
    configured.aliases = {wrong};
    CHECK(attach_request_for(a_call(""), configured)
              .error()
              .message()
              .find("network configuration: runtimeConfig.aliases:") == 0);
  }
  configured.aliases.clear();

  const Call call = a_call(kubernetes +
                           ";MOORING_POOL=by-arg,b;IP=10.0.0.2;MAC=0a:58:0a:00:00:02;MOORING_KIND=static;"
                           "MOORING_RETENTION=Never;MOORING_WORKLOAD=db;MOORING_LABELS=app=shop,tier=web");
  const auto by_args = attach_request_for(call, configured).value();
  CHECK(by_args.wishes.pools == std::vector<std::string>{"by-arg", "b"});
  CHECK(by_args.wishes.addresses.str() == "10.0.0.2");
  CHECK(by_args.wishes.mac->str() == "0a:58:0a:00:00:02");
  CHECK(by_args.wishes.kind == ipam_api::Kind::fixed_by_admin);
  CHECK(by_args.wishes.retention->str() == "Never");
  CHECK(by_args.wishes.workload == "db");
  CHECK(by_args.wishes.labels == ipam_api::Labels{{"app", "shop"}, {"tier", "web"}});
  CHECK(by_args.configured == nothing_said.configured);

  configured.annotations = {{"pools", "by-pod ,spare"},
                            {"ips", "10.0.0.3/24, fd00::3"},
                            {"hostname", "Web-1"},
                            {"kind", "stateful"},
                            {"retention", "ondelete 5m"},
                            {"workload", "web"},
                            {"label.tier", "db"},
                            {"label.empty", ""},
                            {"subnet", "front"},
                            {"network", "blue"},
                            {"unknown", "x"}};
  const auto by_pod = attach_request_for(call, configured).value();
  CHECK(by_pod.wishes.pools == std::vector<std::string>{"by-pod", "spare"});
  CHECK(by_pod.wishes.addresses.str() == "10.0.0.3, fd00::3");
  CHECK(by_pod.hostname == "web-1");
  CHECK(by_pod.wishes.kind == ipam_api::Kind::stateful);
  CHECK(by_pod.wishes.retention->str() == "OnDelete 5m");
  CHECK(by_pod.wishes.workload == "web");
  CHECK(by_pod.wishes.labels == ipam_api::Labels{{"app", "shop"}, {"tier", "db"}, {"empty", ""}});
  CHECK(by_pod.wishes.subnet == "front");
  CHECK(by_pod.wishes.network == "blue");
}

TEST_CASE("an annotation of the pool makes an argument of the subnet void") {
  ConfiguredWishes configured;
  configured.annotations = {{"pool", "by-pod"}};
  const auto request =
      attach_request_for(a_call("MOORING_SUBNET=other;MOORING_NETWORK=blue;MOORING_KIND=static"), configured).value();
  CHECK(request.wishes.pools == std::vector<std::string>{"by-pod"});
  CHECK(request.wishes.subnet.empty());
  CHECK(request.wishes.network.empty());
  CHECK(request.wishes.kind == ipam_api::Kind::fixed_by_admin);
}

TEST_CASE("an empty annotation says nothing") {
  ConfiguredWishes configured;
  configured.annotations = {{"ip", ""}, {"pool", ""}};
  CHECK(attach_request_for(a_call("IP=10.0.0.2"), configured).value().wishes.addresses.str() == "10.0.0.2");
  configured.annotations["ips"] = "10.0.0.3";
  CHECK(attach_request_for(a_call("IP=10.0.0.2"), configured).value().wishes.addresses.str() == "10.0.0.3");
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

  CHECK(attach_request_for(a_call("MOORING_HOSTNAME=-x"), {}).error().message().find("CNI_ARGS MOORING_HOSTNAME") == 0);
  CHECK(attach_request_for(a_call("K8S_POD_NAMESPACE=A_b"), {}).error().code() == Errc::bad_environment);
  CHECK(attach_request_for(a_call("MOORING_KIND=pet"), {}).error().code() == Errc::bad_environment);
}

TEST_CASE("every annotation that is malformed is refused by its name") {
  struct Row {
    const char* annotation;
    const char* value;
    Errc code;
    const char* says;
  };
  const auto row = GENERATE(values<Row>({
      {"ip", "10.0.0.1/33", Errc::invalid_config, "10.0.0.1/33"},
      {"ip", "::ffff:10.0.0.1", Errc::invalid_config, "::ffff:10.0.0.1"},
      {"ip", "10.0.0.1,10.0.0.2", Errc::unsupported, "both IPv4"},
      {"ips", "fd00::1,fd00::2", Errc::unsupported, "both IPv6"},
      {"ips", "10.0.0.1,", Errc::invalid_config, "empty item"},
      {"ips", ",", Errc::invalid_config, "empty item"},
      {"ips", "10.0.0.1 10.0.0.2", Errc::invalid_config, "10.0.0.1 10.0.0.2"},
      {"mac", "01:00:5e:00:00:01", Errc::invalid_config, "01:00:5e"},
      {"pool", "No_Pool", Errc::invalid_config, "no_pool"},
      {"pools", "a,,b", Errc::invalid_config, "empty item"},
      {"pools", "a,b,a", Errc::invalid_config, "pool a twice"},
      {"pools", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", Errc::invalid_config, "17 pools"},
      {"subnet", "x/y", Errc::invalid_config, "x/y"},
      {"network", "..", Errc::invalid_config, ".."},
      {"hostname", "a_b", Errc::invalid_config, "a_b"},
      {"kind", "pet", Errc::invalid_config, "pet"},
      {"retention", "TTL", Errc::invalid_config, "TTL"},
      {"retention", "Forever", Errc::invalid_config, "Forever"},
      {"workload", "a b", Errc::invalid_config, "a b"},
      {"label.", "x", Errc::invalid_config, "label ''"},
      {"label.a b", "x", Errc::invalid_config, "label 'a b'"},
  }));
  CAPTURE(row.annotation, row.value);
  ConfiguredWishes configured;
  configured.annotations = {{row.annotation, row.value}};
  const auto refused = attach_request_for(a_call(""), configured);
  REQUIRE(refused.has_error());
  CAPTURE(refused.error().text());
  CHECK(refused.error().code() == row.code);
  CHECK(refused.error().message().find(std::string("annotation mooring.io/") + row.annotation + ":") == 0);
  const std::string lower = refused.error().message();
  CHECK((lower.find(row.says) != std::string::npos || lower.find(row.value) != std::string::npos));
}

TEST_CASE("what contradicts itself is refused, wherever it was said") {
  ConfiguredWishes twice;
  twice.annotations = {{"ip", "10.0.0.1"}, {"ips", "10.0.0.2"}};
  CHECK(attach_request_for(a_call(""), twice).error().message() ==
        "annotation mooring.io/ip and annotation mooring.io/ips are both there");
  ConfiguredWishes by_runtime;
  by_runtime.ips = {"10.0.0.1", "10.0.0.2"};
  CHECK(attach_request_for(a_call(""), by_runtime).error().code() == Errc::unsupported);
  ConfiguredWishes by_conf;
  by_conf.retention = "later";
  CHECK(attach_request_for(a_call(""), by_conf).error().message().find("network configuration: retention:") == 0);
  by_conf = {};
  by_conf.labels = {{"a b", "x"}};
  CHECK(attach_request_for(a_call(""), by_conf).error().message().find("network configuration: labels:") == 0);
  CHECK(attach_request_for(a_call("MOORING_LABELS=app"), {}).error().message().find("CNI_ARGS MOORING_LABELS") == 0);
  ConfiguredWishes many;
  for (int i = 0; i < 65; ++i) {
    many.annotations["label.l" + std::to_string(i)] = "x";
  }
  CHECK(attach_request_for(a_call(""), many).error().message().find("is label number 65") != std::string::npos);
}

TEST_CASE("the ordinal is the number at the end of the interface's name") {
  CHECK(interface_ordinal("eth0").value() == 0);
  CHECK(interface_ordinal("net1").value() == 1);
  CHECK(interface_ordinal("net12").value() == 12);
  CHECK(interface_ordinal("up").value() == 0);
  CHECK(interface_ordinal("e99999999999999").has_error());
}

TEST_CASE("container ids and podman's names become labels, and different ones stay different") {
  const auto name = [](const std::string& id) { return hostname_from(id); };
  const std::string hexadecimal(64, 'a');
  CHECK(name(hexadecimal) == std::string(16, 'a'));
  CHECK(name("web") == "web");
  CHECK(name("a_b") != name("a.b"));
  CHECK(name("a_b").starts_with("a-b-"));
  CHECK(name("AB") != name("ab"));
  CHECK(name("x" + std::string(100, '.')) != name("x" + std::string(101, '.')));
  CHECK(name("-x").starts_with("x-"));
  CHECK(attach_request_for(a_call("K8S_POD_NAME=blissful_satoshi"), {}).value().hostname == name("blissful_satoshi"));
  for (const std::string& id :
       {std::string("a_"), std::string("_"), std::string("_b"), std::string(255, 'x'), "x" + std::string(200, '_')}) {
    CAPTURE(id, name(id));
    CHECK(ipam_api::parse_hostname("hostname", name(id)));
    CHECK(name(id).size() <= 63);
  }
}
