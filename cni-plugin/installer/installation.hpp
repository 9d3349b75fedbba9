// Mooring's part of a node's CNI: the plugins in the runtimes' folder of plugins, and one conflist in their folder of
// configurations. The conflist comes last and goes first: a runtime that sees it calls the plugin at once, so it is
// there only while the plugin is, and not before the agent could serve an ADD (kubelet calls a node without a conflist
// NotReady and gives it no pods). Errors: Errc::io, naming the file; invalid_config for a conflist, naming the key;
// not_ready when the agent is not ready in time (the plugins are in place by then, the conflist is not); in_use.
// Threading: one thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cni-plugin/interruption.hpp"
#include "cni-plugin/net_conf.hpp"

namespace mooring::installer {

struct Places {
  std::string source = "/usr/lib/mooring/cni";                // folder of the plugins as the package brings them
  std::string conflist = "/etc/mooring/10-mooring.conflist";  // the configuration to install, under its own name
  std::string plugin_folder = "/opt/cni/bin";
  std::string conf_folder = "/etc/cni/net.d";

  std::string installed_conflist() const;
};

// What the plugin calls itself, and is called as IPAM of other plugins.
std::vector<std::string> plugin_names();

// A conflist that the plugin would accept: the whole text, and the configuration of each of our plugins in it with what
// a runtime adds (name, cniVersion).
struct Conflist {
  std::string text;
  std::string name;
  std::vector<cni::NetConf> ours;
};
Result<Conflist> read_conflist(const std::string& path);

// One line to tell a person, as things happen.
using Tell = std::function<void(const std::string&)>;

// Plugins, then wait at most `longest_wait` for the agent, then the conflist. What is as it should be is not written
// again.
Result<void> install(const Places& places, std::chrono::seconds longest_wait, const cni::Interruption& interruption,
                     const Tell& tell);

// Conflist, then plugins. Refused while the agent has ports, unless `force`: without the plugin a runtime cannot end
// the pods that are there.
Result<void> uninstall(const Places& places, bool force, const cni::Interruption& interruption, const Tell& tell);

// For people: is each part there, and as the package has it? And the agent?
struct Part {
  std::string name;
  std::string path;
  std::string state;
  bool fine = false;
};
std::vector<Part> inspect(const Places& places, const cni::Interruption& interruption);

}  // namespace mooring::installer
