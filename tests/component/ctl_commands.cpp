// mooringctl as a whole, against a server that answers as docs/api/rest.md says.
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "component/http_stage.hpp"
#include "ipam-controller/cli/program.hpp"

using namespace http_stage;
using Json = nlohmann::json;

namespace {

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

Outcome ctl(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.status = mooring::ctl::run(std::move(arguments), out, err);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Json db_binding = {{"network", "default"}, {"namespace", "prod"},      {"hostname", "db-0"},
                         {"kind", "static"},     {"address", "10.100.4.10"}, {"mac", "0a:58:0a:64:04:0a"},
                         {"pool", "pods"},       {"subnet", "pods"},         {"interface_ordinal", 0},
                         {"node", nullptr},      {"port_id", nullptr},       {"revision", 4}};

Json port(const std::string& id, const std::string& hostname, int ordinal) {
  return {{"id", id},
          {"network", "default"},
          {"subnet", "pods"},
          {"pool", "pods"},
          {"namespace", "prod"},
          {"hostname", hostname},
          {"interface_ordinal", ordinal},
          {"kind", "stateless"},
          {"address", "10.100.0.9"},
          {"mac", "0a:58:0a:64:00:09"},
          {"vni", 100},
          {"node", "h1"},
          {"attachment", "abc/eth0"},
          {"pod_uid", ""},
          {"generation", 7},
          {"state", "active"},
          {"revision", 7}};
}

// Knows answers by "METHOD path", remembers what was asked.
class FakeController {
 public:
  FakeController() : server_([this](Request request) { return answer(std::move(request)); }) {}

  void knows(const std::string& what, Json body, int status = 200) {
    server_.on_thread([&] {
      answers_[what] = json(status, body.dump());
      return 0;
    });
  }
  void lists(const std::string& collection, Json items) {
    knows("GET /v1/" + collection, {{"items", std::move(items)}, {"revision", 9}});
  }
  void refuses(const std::string& what, const mooring::Error& error) {
    server_.on_thread([&] {
      answers_[what] = problem(error);
      return 0;
    });
  }
  void streams(std::vector<Json> frames) {
    server_.on_thread([&] {
      frames_.clear();
      for (const Json& frame : frames) {
        frames_ += frame.dump() + "\n";
      }
      return 0;
    });
  }
  Request last() {
    return server_.on_thread([&] { return last_; });
  }
  Json last_body() { return Json::parse(last().body); }
  Outcome ctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--server", server_.unix_endpoint().str()});
    return ::ctl(std::move(arguments));
  }
  Endpoint tcp_endpoint() const { return server_.tcp_endpoint(); }

 private:
  asio::awaitable<Answer> answer(Request request) {
    last_ = request;
    if (request.path == "/v1/watch") {
      Answer streamed{Stream([this](LineSink& sink) { return write_frames(sink); })};
      co_return streamed;
    }
    const auto found = answers_.find(request.method + " " + request.path);
    Answer response(found != answers_.end()
                        ? found->second
                        : problem(mooring::Error(Errc::not_found, request.path + " does not exist", "look elsewhere")));
    co_return response;
  }
  asio::awaitable<void> write_frames(LineSink& sink) {
    const auto bytes = std::make_shared<const std::string>(frames_);
    const Result<void> sent = co_await sink.write(bytes);
    static_cast<void>(sent);
  }

  std::map<std::string, Response> answers_;
  std::string frames_;
  Request last_;
  ServerThread server_;  // last: its thread uses the others
};

}  // namespace

TEST_CASE("get lists a kind as an aligned table") {
  FakeController controller;
  controller.lists("bindings", Json::array({db_binding}));
  for (const char* word : {"binding", "bindings", "bd"}) {
    const Outcome got = controller.ctl({"get", word});
    CHECK(got.status == 0);
    CHECK(got.err.empty());
    CHECK(got.out ==
          "NETWORK   NAMESPACE   HOSTNAME   KIND     ADDRESS       MAC                 POOL   NODE\n"
          "default   prod        db-0       static   10.100.4.10   0a:58:0a:64:04:0a   pods   -\n");
  }
  CHECK(has(controller.ctl({"get", "bindings", "-o", "wide"}).out, "ORDINAL"));
  CHECK(Json::parse(controller.ctl({"get", "bindings", "-o", "json"}).out)["items"][0] == db_binding);
  CHECK(has(controller.ctl({"-o", "yaml", "get", "bindings"}).out, "  hostname: db-0\n"));
}

TEST_CASE("an empty list says so on stderr, and is no failure") {
  FakeController controller;
  controller.lists("pools", Json::array());
  const Outcome got = controller.ctl({"get", "pools"});
  CHECK(got.status == 0);
  CHECK(got.out.empty());
  CHECK(got.err == "no pools found\n");
  CHECK(Json::parse(controller.ctl({"get", "pools", "-o", "json"}).out)["items"].empty());
}

TEST_CASE("filters go to the controller, those that a kind lacks are refused") {
  FakeController controller;
  controller.lists("ports", Json::array());
  REQUIRE(controller.ctl({"get", "ports", "-n", "prod", "--node", "h1", "--network", "default"}).status == 0);
  CHECK(controller.last().parameter("namespace") == "prod");
  CHECK(controller.last().parameter("node") == "h1");
  CHECK(controller.last().parameter("network") == "default");
  const Outcome refused = controller.ctl({"get", "nodes", "-n", "prod"});
  CHECK(refused.status == 2);
  CHECK(has(refused.err, "error: nodes have no namespace"));
}

TEST_CASE("get with a name shows that object, with several names all of them") {
  FakeController controller;
  controller.knows("GET /v1/bindings/default/prod/db-0/0", db_binding);
  CHECK(has(controller.ctl({"get", "binding", "prod/db-0"}).out, "10.100.4.10"));
  CHECK(has(controller.ctl({"get", "binding", "db-0", "-n", "prod"}).out, "10.100.4.10"));
  CHECK(Json::parse(controller.ctl({"get", "binding", "prod/db-0", "-o", "json"}).out) == db_binding);
  const auto twice = controller.ctl({"get", "binding", "prod/db-0", "default/prod/db-0/0", "-o", "json"});
  CHECK(Json::parse(twice.out)["items"].size() == 2);
  const Outcome none = controller.ctl({"get", "binding", "prod/db-1"});
  CHECK(none.status == 1);
  CHECK(none.err == "error: /v1/bindings/default/prod/db-1/0 does not exist\nhint: look elsewhere\n");
}

TEST_CASE("a port is found by its pod; two of them are told apart by id") {
  FakeController controller;
  controller.lists("ports", Json::array({port("p1", "web-0", 0), port("p2", "web-1", 0), port("p3", "web-1", 1)}));
  controller.knows("DELETE /v1/ports/p1", Json::object());
  controller.knows("DELETE /v1/ports/p3", Json::object());
  CHECK(has(controller.ctl({"get", "port", "prod/web-0"}).out, "p1"));
  const Outcome gone = controller.ctl({"delete", "port", "prod/web-0"});
  CHECK(gone.status == 0);
  CHECK(gone.out == "port prod/web-0 deleted\n");
  CHECK(controller.last().path == "/v1/ports/p1");
  const Outcome two = controller.ctl({"delete", "port", "prod/web-1"});
  CHECK(two.status == 1);
  CHECK(has(two.err, "name one by its id: p2, p3"));
  CHECK(controller.ctl({"delete", "port", "default/prod/web-1/1"}).status == 0);
  CHECK(controller.last().path == "/v1/ports/p3");
  CHECK(controller.ctl({"get", "port", "prod/web-9"}).status == 1);
}

TEST_CASE("create sends what was said, and nothing else") {
  FakeController controller;
  controller.knows("POST /v1/networks", {{"name", "blue"}, {"isolated", true}, {"revision", 1}}, 201);
  controller.knows(
      "POST /v1/subnets",
      {{"network", "default"}, {"gateway", "10.100.0.1"}, {"mtu_bytes", 1450}, {"mtu_from_underlay", true}}, 201);
  controller.knows("POST /v1/pools", {{"size", 245}, {"kind", "stateful"}, {"default", false}}, 201);
  controller.knows("POST /v1/bindings", db_binding, 201);

  CHECK(controller.ctl({"create", "network", "blue", "--isolated"}).out == "network blue created\n");
  CHECK(controller.last_body() == Json{{"name", "blue"}, {"isolated", true}});

  CHECK(controller.ctl({"create", "subnet", "pods", "--vni", "100", "--cidr", "10.100.0.0/16"}).out ==
        "subnet pods created: network default, gateway 10.100.0.1, MTU of the underlay yes\n");
  CHECK(controller.last_body() == Json{{"name", "pods"}, {"vni", 100}, {"cidr", "10.100.0.0/16"}});

  REQUIRE(controller
              .ctl({"create",
                    "subnet",
                    "--network",
                    "blue",
                    "--vni=7",
                    "--cidr",
                    "10.0.0.0/24",
                    "--gateway",
                    "10.0.0.9",
                    "--mtu",
                    "1400",
                    "--dns",
                    "10.0.0.2,10.0.0.3",
                    "--dns",
                    "10.0.0.4",
                    "--dns-search",
                    "prod.svc",
                    "--route",
                    "192.168.0.0/16=10.0.0.1",
                    "--route",
                    "172.16.0.0/12;metric=7;mtu=1300",
                    "s"})
              .status == 0);
  CHECK(controller.last_body() ==
        Json{{"name", "s"},
             {"network", "blue"},
             {"vni", 7},
             {"cidr", "10.0.0.0/24"},
             {"gateway", "10.0.0.9"},
             {"mtu_bytes", 1400},
             {"dns", {{"nameservers", {"10.0.0.2", "10.0.0.3", "10.0.0.4"}}, {"search", {"prod.svc"}}}},
             {"routes",
              {{{"destination", "192.168.0.0/16"}, {"via", "10.0.0.1"}},
               {{"destination", "172.16.0.0/12"}, {"metric", 7}, {"mtu_bytes", 1300}}}}});
  CHECK(
      has(controller.ctl({"create", "subnet", "s", "--vni=7", "--cidr", "10.0.0.0/24", "--route", "10.9.0.0/16;hops=3"})
              .err,
          "'hops=3' is no attribute of a route"));

  REQUIRE(controller
              .ctl({"create", "pool", "--subnet", "pods", "--range", "10.100.4.0/25", "--range", "10.100.5.1",
                    "--exclude", "10.100.4.1-10.100.4.9", "--kind", "stateful", "db"})
              .status == 0);
  CHECK(controller.last_body() == Json{{"name", "db"},
                                       {"subnet", "pods"},
                                       {"default", false},
                                       {"kind", "stateful"},
                                       {"ranges", {"10.100.4.0/25", "10.100.5.1"}},
                                       {"exclusions", {"10.100.4.1-10.100.4.9"}}});

  CHECK(controller.ctl({"create", "binding", "prod/db-0", "--address", "10.100.4.10"}).out ==
        "binding prod/db-0 created: address 10.100.4.10, MAC 0a:58:0a:64:04:0a, pool pods\n");
  CHECK(controller.last_body() == Json{{"namespace", "prod"}, {"hostname", "db-0"}, {"address", "10.100.4.10"}});
  REQUIRE(controller.ctl({"create", "binding", "prod/db-0", "--interface", "1"}).status == 0);
  CHECK(controller.last_body() == Json{{"namespace", "prod"}, {"hostname", "db-0"}, {"interface_ordinal", 1}});
  CHECK(controller.last().method == "POST");
  CHECK(Json::parse(controller.ctl({"create", "binding", "db-0", "-n", "prod", "-o", "json"}).out) == db_binding);
  REQUIRE(controller.ctl({"create", "binding", "blue/prod/db-0/2"}).status == 0);
  CHECK(controller.last_body() ==
        Json{{"namespace", "prod"}, {"hostname", "db-0"}, {"network", "blue"}, {"interface_ordinal", 2}});
}

TEST_CASE("a refusal is an error with its hint; the exit code is that of the error table") {
  FakeController controller;
  controller.refuses(
      "DELETE /v1/networks/default",
      mooring::Error(Errc::in_use, "deleting network default: in use by subnet pods", "delete its subnets"));
  const Outcome in_use = controller.ctl({"delete", "network", "default"});
  CHECK(in_use.status == 1);
  CHECK(in_use.out.empty());
  CHECK(in_use.err == "error: deleting network default: in use by subnet pods\nhint: delete its subnets\n");

  controller.refuses("POST /v1/subnets", mooring::Error(Errc::invalid_argument, "subnet.cidr: no CIDR block"));
  CHECK(controller.ctl({"create", "subnet", "x", "--vni", "7", "--cidr", "10.0.0.0/33"}).status == 2);
}

TEST_CASE("force is passed on only when it was asked for") {
  FakeController controller;
  controller.knows("DELETE /v1/bindings/default/prod/db-0/0", Json::object());
  REQUIRE(controller.ctl({"delete", "binding", "prod/db-0"}).status == 0);
  CHECK(controller.last().query.empty());
  REQUIRE(controller.ctl({"delete", "binding", "prod/db-0", "--force"}).status == 0);
  CHECK(controller.last().parameter("force") == "true");
}

TEST_CASE("describe shows all fields and what belongs to the object") {
  FakeController controller;
  controller.knows("GET /v1/nodes/h1", {{"name", "h1"}, {"vtep", "172.31.0.1"}, {"live", true}, {"machine_id", "m"}});
  controller.lists("ports", Json::array({port("p1", "web-0", 0)}));
  controller.lists("blocks", Json::array());
  const Outcome got = controller.ctl({"describe", "node", "h1"});
  CHECK(has(got.out, "\nBlocks: none\n"));
  CHECK(got.status == 0);
  CHECK(has(got.out, "VTEP:        172.31.0.1\n"));
  CHECK(has(got.out, "Machine id:  m\n"));
  CHECK(has(got.out, "\nPorts:\n  ID   NAMESPACE"));
  CHECK(has(got.out, "p1"));
  controller.lists("ports", Json::array());
  CHECK(has(controller.ctl({"describe", "node", "h1"}).out, "\nPorts: none\n"));
}

TEST_CASE("version names both sides") {
  FakeController controller;
  controller.knows("GET /v1/version", {{"version", "9.9"}, {"protocol", 1}, {"incarnation", "abc"}, {"revision", 5}});
  const Outcome both = controller.ctl({"version"});
  CHECK(both.status == 0);
  CHECK(has(both.out, "controller   9.9   protocol 1, revision 5, incarnation abc"));
  CHECK(ctl({"version", "--client"}).out == "mooringctl   " MOORING_VERSION "\n");
}

TEST_CASE("watch prints snapshot and changes, and ends with the stream") {
  FakeController controller;
  const Json entry = {{"kind", "port"}, {"shard", 100},    {"key", "10.0.0.5/32"},
                      {"revision", 7},  {"generation", 7}, {"value", {{"node", "h1"}, {"state", "active"}}}};
  const Json tombstone = {{"kind", "port"}, {"shard", 100},    {"key", "10.0.0.6/32"},
                          {"revision", 8},  {"generation", 3}, {"deleted", true}};
  const std::vector<Json> frames = {{{"type", "HELLO"},
                                     {"protocol", 1},
                                     {"incarnation", "abc"},
                                     {"revision", 7},
                                     {"resume", false},
                                     {"heartbeat_seconds", 5}},
                                    {{"type", "ENTRIES"}, {"shard", 100}, {"entries", {entry}}},
                                    {{"type", "END_OF_SNAPSHOTS"}, {"revision", 7}, {"shards", {100}}},
                                    {{"type", "SOMETHING_NEW"}, {"x", 1}},
                                    {{"type", "HEARTBEAT"}, {"revision", 7}, {"digest", "00"}},
                                    {{"type", "CHANGES"}, {"revision", 8}, {"changes", {tombstone}}},
                                    {{"type", "GOODBYE"}, {"title", "shutdown"}, {"detail", "the controller stops"}}};
  controller.streams(frames);

  const Outcome whole = controller.ctl({"watch"});
  CHECK(whole.status == 1);
  CHECK(whole.out ==
        "controller at revision 7, incarnation abc, protocol 1; a snapshot follows\n"
        "= port vni 100 10.0.0.5/32  generation=7 node=h1 state=active\n"
        "the snapshot is whole at revision 7; changes follow\n"
        "SOMETHING_NEW {\"type\":\"SOMETHING_NEW\",\"x\":1}\n"
        "revision 8:\n"
        "- port vni 100 10.0.0.6/32  generation=3\n");
  CHECK(has(whole.err, "error: the controller ended the stream: shutdown: the controller stops"));

  const Outcome snapshot = controller.ctl({"watch", "--snapshot", "-o", "json"});
  CHECK(snapshot.status == 0);
  std::istringstream lines(snapshot.out);
  std::string line;
  std::vector<std::string> types;
  while (std::getline(lines, line)) {
    types.push_back(Json::parse(line)["type"]);
  }
  CHECK(types == std::vector<std::string>{"HELLO", "ENTRIES", "END_OF_SNAPSHOTS"});

  controller.knows("GET /v1/version", {{"version", "9"}, {"protocol", 1}, {"incarnation", "abc"}, {"revision", 5}});
  controller.ctl({"watch", "--changes"});
  CHECK(controller.last().parameter("revision") == "5");
  CHECK(controller.last().parameter("incarnation") == "abc");
  CHECK(controller.last().parameter("role") == "observer");

  controller.streams({frames[0]});
  const Outcome cut = controller.ctl({"watch"});
  CHECK(cut.status == 1);
  CHECK(has(cut.err, "has ended"));
}

TEST_CASE("the token file goes out as a bearer token") {
  FakeController controller;
  controller.lists("nodes", Json::array());
  TemporaryFolder folder;
  std::ofstream(folder.path("token")) << "s3cret\n";
  std::ofstream(folder.path("empty")) << "\n";
  const std::string server = controller.tcp_endpoint().str();
  CHECK(ctl({"--server", server, "--token-file", folder.path("token"), "get", "nodes"}).status == 0);
  CHECK(controller.last().bearer_token() == "s3cret");
  CHECK(ctl({"--server", server, "--token-file", folder.path("empty"), "get", "nodes"}).status == 2);
  CHECK(ctl({"--server", server, "--token-file", folder.path("none"), "get", "nodes"}).status == 2);
  controller.refuses("GET /v1/nodes", mooring::Error(Errc::unauthorized, "no token came with the request"));
  const Outcome refused = ctl({"--server", server, "get", "nodes"});
  CHECK(refused.status == 1);
  CHECK(has(refused.err, "hint: give a token with --token-file or MOORING_TOKEN_FILE"));
}

TEST_CASE("server and token file are taken from the environment too") {
  FakeController controller;
  controller.lists("nodes", Json::array());
  ::setenv("MOORING_SERVER", controller.tcp_endpoint().str().c_str(), 1);
  const Outcome got = ctl({"get", "nodes"});
  ::unsetenv("MOORING_SERVER");
  CHECK(got.status == 0);
  CHECK_FALSE(controller.last().peer.unix_socket);
}

TEST_CASE("a controller that is away, or is none, is a problem with a way out") {
  const Outcome away = ctl({"--server", "unix:/nonexistent/c.sock", "get", "nodes"});
  CHECK(away.status == 1);
  CHECK(has(away.err,
            "error: GET /v1/nodes?limit=5000: connecting to unix:/nonexistent/c.sock: No such file or directory"));
  CHECK(has(away.err, "hint: is mooring-controller running there?"));
  CHECK(ctl({"--server", "nonsense", "get", "nodes"}).status == 2);

  FakeController other;
  other.knows("GET /v1/nodes", Json::array());
  const Outcome none = other.ctl({"get", "nodes"});
  CHECK(none.status == 1);
  CHECK(has(none.err, "is no list"));
}

TEST_CASE("wrong usage is exit code 2 and points to the help; help is 0 and has an example") {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate"},
           {"get"},
           {"get", "nothing"},
           {"get", "nodes", "--wrong"},
           {"get", "nodes", "-o", "xml"},
           {"create"},
           {"create", "pool"},
           {"create", "subnet", "x", "--vni", "many", "--cidr", "10.0.0.0/8"},
           {"create", "subnet", "x", "--vni", "1", "--cidr", "10.0.0.0/8", "--route", "y"},
           {"create", "binding", "x"},
           {"create", "binding", "p/x", "--label", "novalue"},
           {"create", "binding", "p/x", "--address", "10.0.0.1,10.0.0.2"},
           {"create", "pool", "x", "--subnet", "s", "--quota", "shop=many"},
           {"create", "pool", "x", "--subnet", "s", "--cooldown", "soon"},
           {"create", "rule", "x", "--takeover", "perhaps"},
           {"create", "webhook", "x", "--url", "https://x", "--secret-file", "/nonexistent"},
           {"create", "extra-address", "10.0.0.9"},
           {"workload", "delete", "redis"},
           {"extra-address", "move", "10.0.0.9", "--to", "lb-0"},
           {"block", "lease", "h1"},
           {"label", "pool", "p", "a=b"},
           {"delete", "pool", "a", "b", "--if-match", "7"},
           {"get", "pools", "--reason", "two\nlines"},
           {"delete", "network"},
           {"watch", "--changes", "--snapshot"},
           {"--timeout", "0", "version"}}) {
    const Outcome got = ctl(wrong);
    INFO((wrong.empty() ? "" : wrong.back()) << got.err);
    CHECK(got.status == 2);
    CHECK(has(got.err, "error: "));
    CHECK(has(got.err, "hint: "));
    CHECK(got.out.empty());
  }
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{},
                                                                                       {"get"},
                                                                                       {"describe"},
                                                                                       {"create"},
                                                                                       {"create", "network"},
                                                                                       {"create", "subnet"},
                                                                                       {"create", "pool"},
                                                                                       {"create", "binding"},
                                                                                       {"create", "reservation"},
                                                                                       {"create", "rule"},
                                                                                       {"create", "extra-address"},
                                                                                       {"create", "webhook"},
                                                                                       {"workload", "delete"},
                                                                                       {"extra-address", "move"},
                                                                                       {"block", "lease"},
                                                                                       {"block", "delete"},
                                                                                       {"label"},
                                                                                       {"delete"},
                                                                                       {"watch"},
                                                                                       {"version"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    const Outcome got = ctl(arguments);
    INFO(got.out << got.err);
    CHECK(got.status == 0);
    CHECK(has(got.out, "Example"));
    CHECK(has(got.out, "  mooringctl "));
  }
  CHECK(ctl({"--version"}).out == "mooringctl " MOORING_VERSION "\n");
}
