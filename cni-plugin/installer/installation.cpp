#include "cni-plugin/installer/installation.hpp"

#include <filesystem>
#include <poll.h>

#include <fmt/format.h>

#include "cni-plugin/agent_client.hpp"
#include "cni-plugin/commands.hpp"
#include "cni-plugin/installer/files.hpp"

namespace mooring::installer {
namespace {

using cni::Clock;
using cni::Interruption;
using std::chrono::seconds;

constexpr unsigned program_mode = 0755;
constexpr unsigned conflist_mode = 0644;
constexpr std::chrono::milliseconds between_questions{200};
constexpr seconds between_tidings{5};

std::string in(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

// False if the process is told to end meanwhile.
bool sleep_for(std::chrono::milliseconds time, const Interruption& interruption) {
  pollfd told{interruption.fd(), POLLIN, 0};
  return ::poll(&told, 1, static_cast<int>(time.count())) <= 0;
}

Result<void> wait_for_agent(const cni::NetConf& conf, seconds longest, const Interruption& interruption,
                            const Tell& tell) {
  const auto begin = Clock::now();
  auto next_tidings = begin + between_tidings;
  for (;;) {
    const auto ready = cni::node_status(conf, interruption);
    if (ready) {
      return ok();
    }
    const auto waited = std::chrono::duration_cast<seconds>(Clock::now() - begin);
    if (waited >= longest) {
      return Error(Errc::not_ready,
                   fmt::format("waiting {} s for mooring-agent: {}", longest.count(), ready.error().message()),
                   "the plugins are in place, the conflist is not: start the agent and call again");
    }
    if (Clock::now() >= next_tidings) {
      next_tidings += between_tidings;
      tell(fmt::format("waiting for mooring-agent, {} s of {}: {}", waited.count(), longest.count(),
                       ready.error().message()));
    }
    if (!sleep_for(between_questions, interruption)) {
      return cni::interrupted("waiting for mooring-agent");
    }
  }
}

// Runtimes take the first file in the order of names.
void warn_of_others(const Places& places, const Tell& tell) {
  const std::string own = std::filesystem::path(places.conflist).filename().string();
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(places.conf_folder, failure)) {
    const std::string extension = entry.path().extension().string();
    const std::string name = entry.path().filename().string();
    if ((extension == ".conflist" || extension == ".conf" || extension == ".json") && name < own) {
      tell(fmt::format("warning: {} comes before {}: runtimes that take one configuration take that one", name, own));
    }
  }
}

Result<std::size_t> ports_of_agent(const cni::NetConf& conf, const Interruption& interruption) {
  auto agent = cni::AgentClient::connect(conf.agent_socket, Clock::now() + seconds(5), interruption);
  if (!agent) {
    return agent.error();
  }
  const auto status = agent->status();
  if (!status) {
    return status.error();
  }
  return status->value(cni::Json::json_pointer("/ports/all"), std::size_t{0});
}

}  // namespace

Result<void> install(const Places& places, seconds longest_wait, const Interruption& interruption, const Tell& tell) {
  const auto conflist = read_conflist(places.conflist);
  if (!conflist) {
    return conflist.error();
  }
  for (const auto& folder : {places.plugin_folder, places.conf_folder}) {
    if (auto made = make_folder(folder); !made) {
      return made;
    }
  }
  for (const auto& name : plugin_names()) {
    const auto program = read_file(in(places.source, name));
    if (!program) {
      return program.error();
    }
    const std::string target = in(places.plugin_folder, name);
    const auto written = put_file(target, *program, program_mode);
    if (!written) {
      return written.error();
    }
    tell(fmt::format("{}: {}", target, *written ? "installed" : "is there already"));
  }
  for (const auto& conf : conflist->ours) {
    if (auto ready = wait_for_agent(conf, longest_wait, interruption, tell); !ready) {
      return ready;
    }
  }
  const std::string target = places.installed_conflist();
  const auto written = put_file(target, conflist->text, conflist_mode);
  if (!written) {
    return written.error();
  }
  tell(fmt::format("{}: {}", target, *written ? "installed" : "is there already"));
  warn_of_others(places, tell);
  return ok();
}

Result<void> uninstall(const Places& places, bool force, const Interruption& interruption, const Tell& tell) {
  const std::string target = places.installed_conflist();
  const auto conflist = read_conflist(target);
  if (conflist && !force) {
    for (const auto& conf : conflist->ours) {
      // An agent that is away has nothing to say; its ports are looked after when it is there again.
      const auto ports = ports_of_agent(conf, interruption);
      if (ports && *ports > 0) {
        return Error(Errc::in_use, fmt::format("removing the plugin: mooring-agent has {} ports of containers", *ports),
                     "drain the node first, or add --force: runtimes cannot end those containers without the plugin");
      }
    }
  }
  const auto gone = remove_file(target);
  if (!gone) {
    return gone.error();
  }
  tell(fmt::format("{}: {}", target, *gone ? "removed" : "was not there"));
  for (const auto& name : plugin_names()) {
    const std::string program = in(places.plugin_folder, name);
    const auto removed = remove_file(program);
    if (!removed) {
      return removed.error();
    }
    tell(fmt::format("{}: {}", program, *removed ? "removed" : "was not there"));
  }
  return ok();
}

std::vector<Part> inspect(const Places& places, const Interruption& interruption) {
  std::vector<Part> parts;
  for (const auto& name : plugin_names()) {
    const std::string path = in(places.plugin_folder, name);
    const auto here = read_file(path);
    const auto brought = read_file(in(places.source, name));
    Part part{"plugin", path, {}, here && brought && *here == *brought};
    part.state = !here       ? "missing"
                 : !brought  ? brought.error().message()
                 : part.fine ? "as packaged"
                             : "differs from the package";
    parts.push_back(std::move(part));
  }
  const auto here = read_file(places.installed_conflist());
  const auto wanted = read_conflist(places.conflist);
  Part part{"conflist", places.installed_conflist(), {}, here && wanted && *here == wanted->text};
  part.state = !wanted     ? wanted.error().text()
               : !here     ? "missing"
               : part.fine ? "as " + places.conflist
                           : "differs from " + places.conflist;
  parts.push_back(std::move(part));
  if (wanted) {
    for (const auto& conf : wanted->ours) {
      const auto ready = cni::node_status(conf, interruption);
      parts.push_back({"agent", conf.agent_socket, ready ? "ready" : ready.error().message(), ready.has_value()});
    }
  }
  return parts;
}

}  // namespace mooring::installer
