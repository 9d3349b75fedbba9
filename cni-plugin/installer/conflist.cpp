#include <filesystem>

#include <fmt/format.h>

#include "cni-plugin/installer/files.hpp"
#include "cni-plugin/installer/installation.hpp"

namespace mooring::installer {
namespace {

using cni::Json;

bool is_ours(const Json& plugin) {
  return plugin.is_object() && plugin.value("type", Json()) == "mooring";
}

Error refused(const std::string& path, std::string_view why, std::string_view way_out) {
  return Error(Errc::invalid_config, fmt::format("reading the conflist {}: {}", path, why), std::string(way_out));
}

}  // namespace

std::vector<std::string> plugin_names() {
  return {"mooring", "mooring-ipam"};
}

std::string Places::installed_conflist() const {
  return (std::filesystem::path(conf_folder) / std::filesystem::path(conflist).filename()).string();
}

Result<Conflist> read_conflist(const std::string& path) {
  if (std::filesystem::path(path).extension() != ".conflist") {
    return refused(path, "its name does not end in .conflist", "runtimes read lists of plugins from such files only");
  }
  auto text = read_file(path);
  if (!text) {
    return text.error();
  }
  auto json = cni::parse_input(*text);
  if (!json) {
    return json.error().within(fmt::format("reading the conflist {}", path));
  }
  Conflist conflist;
  conflist.text = std::move(*text);
  const auto name = json->find("name");
  const auto plugins = json->find("plugins");
  if (name == json->end() || !name->is_string() || name->get<std::string>().empty()) {
    return refused(path, "name is missing, or no text", "name the network, like \"name\": \"pods\"");
  }
  if (plugins == json->end() || !plugins->is_array() || plugins->empty()) {
    return refused(path, "plugins is missing, or no list", "list the plugins, the first of type mooring");
  }
  conflist.name = *name;
  for (std::size_t i = 0; i < plugins->size(); ++i) {
    if (!is_ours(plugins->at(i))) {
      continue;
    }
    Json single = plugins->at(i);
    single["name"] = conflist.name;
    single["cniVersion"] = json->value("cniVersion", Json("1.0.0"));
    auto conf = cni::net_conf_from(std::move(single));
    if (!conf) {
      return conf.error().within(fmt::format("{}: plugins[{}]", path, i));
    }
    if (const auto wishes = cni::wishes_of(*conf); !wishes) {
      return wishes.error().within(fmt::format("{}: plugins[{}]", path, i));
    }
    conflist.ours.push_back(std::move(*conf));
  }
  if (conflist.ours.empty()) {
    return refused(path, "no plugin of it has type mooring", "take one from docs/reference/cni.md");
  }
  return conflist;
}

}  // namespace mooring::installer
