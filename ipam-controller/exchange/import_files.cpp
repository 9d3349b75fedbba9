#include "ipam-controller/exchange/import_files.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ipam-controller/exchange/formats.hpp"
#include "ipam-controller/exchange/text_file.hpp"

namespace mooring::exchange {
namespace {

using ReadOne = void (*)(const TextFile&, Reading&);
struct Form {
  std::string_view name;
  ReadOne read;  // nullptr: it takes more than a file
};
constexpr std::array forms{Form{"csv", &read_bindings_csv},
                           Form{"host-local", nullptr},
                           Form{"json", &read_items},
                           Form{"kea", nullptr},
                           Form{"netbox", &read_netbox},
                           Form{"phpipam", &read_phpipam},
                           Form{"whereabouts", &read_whereabouts},
                           Form{"yaml", &read_items}};

Result<void> read_one_by_one(const ImportSources& sources, ReadOne read, Reading& reading) {
  for (const std::string& path : sources.paths) {
    const auto file = read_text(path);
    if (!file) {
      return file.error();
    }
    read(*file, reading);
  }
  return ok();
}

// The files of IPv4 and those of IPv6 are two sets, each with its own order.
Result<void> read_kea_files(const ImportSources& sources, Reading& reading) {
  for (const std::string& path : sources.paths) {
    std::vector<TextFile> files;
    for (const std::string& name : path == "-" ? std::vector{path} : kea_files(path, &exists)) {
      auto file = read_text(name);
      if (!file) {
        return file.error();
      }
      files.push_back(std::move(*file));
    }
    read_kea(files, reading);
  }
  return ok();
}

std::string last_part(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) {
    path.pop_back();
  }
  return path.substr(path.rfind('/') + 1);
}

// `path` is /var/lib/cni/networks, or one network in it.
Result<void> read_networks(const std::string& path, const Sandboxes& sandboxes, Reading& reading) {
  if (!is_folder(path)) {
    return Error(Errc::invalid_argument, fmt::format("reading {}: it is no folder", path),
                 "name host-local's data folder, as /var/lib/cni/networks, or a copy of it");
  }
  auto files = read_folder(path);
  if (!files) {
    return files.error();
  }
  for (TextFile& file : *files) {
    const auto slash = file.name.find('/');
    const std::string network = slash == std::string::npos ? last_part(path) : file.name.substr(0, slash);
    file.name = (path.ends_with('/') ? path : path + "/") + file.name;
    read_host_local(network, file, sandboxes, reading);
  }
  return ok();
}

Result<void> read_host_local_folders(const ImportSources& sources, Reading& reading) {
  Sandboxes sandboxes;
  for (const std::string& path : sources.pods) {
    const auto file = read_text(path);
    if (!file) {
      return file.error();
    }
    auto found = sandboxes_in(*file);
    if (!found) {
      return found.error();
    }
    sandboxes.merge(*found);
  }
  for (const std::string& path : sources.paths) {
    if (auto read = read_networks(path, sandboxes, reading); !read) {
      return read;
    }
  }
  return ok();
}

}  // namespace

std::string format_names() {
  std::string names;
  for (const Form& form : forms) {
    names += (names.empty() ? "" : ", ") + std::string(form.name);
  }
  return names;
}

Result<Reading> read_sources(const ImportSources& sources, const Rules& rules) {
  const auto* form =
      std::find_if(forms.begin(), forms.end(), [&](const Form& each) { return each.name == sources.format; });
  if (form == forms.end()) {
    return Error(Errc::invalid_argument, fmt::format("there is no format called \"{}\"", sources.format),
                 "formats are: " + format_names());
  }
  if (!sources.pods.empty() && form->name != "host-local") {
    return Error(Errc::invalid_argument, fmt::format("--pods is for host-local, not for {}", form->name));
  }
  Reading reading(std::string(form->name), rules);
  const auto read = form->read != nullptr ? read_one_by_one(sources, form->read, reading)
                    : form->name == "kea" ? read_kea_files(sources, reading)
                                          : read_host_local_folders(sources, reading);
  if (!read) {
    return read.error();
  }
  reading.finish();
  return reading;
}

}  // namespace mooring::exchange
