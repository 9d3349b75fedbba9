#include "ipam-controller/cli/documents.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "ipam-controller/exchange/yaml.hpp"

namespace mooring::ctl {
namespace {

using exchange::Document;

constexpr std::array order{"network", "subnet", "pool",        "reservation", "rule",         "webhook",
                           "list",    "vip",    "access-rule", "binding",     "extra-address"};

Error wrong(const Document& document, const std::string& pointer, const std::string& cause, const std::string& hint) {
  return Error(Errc::invalid_argument,
               fmt::format("reading {}: line {}: {}", document.file, document.line_of(pointer), cause), hint);
}

Result<void> collect(const Document& document, const std::string& pointer, const Json& value,
                     std::vector<ObjectDocument>& objects) {
  constexpr const char* form = "an object is written as \"kind: pool\" and \"spec:\" with its fields under it";
  const Json* list = value.is_array() ? &value : nullptr;
  if (value.is_object() && !value.contains("spec") && value.contains("items") && value["items"].is_array()) {
    list = &value["items"];
  }
  if (list != nullptr) {
    const std::string inside = pointer + (value.is_array() ? "/" : "/items/");
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (auto done = collect(document, inside + std::to_string(i), (*list)[i], objects); !done) {
        return done;
      }
    }
    return ok();
  }
  if (!value.is_object() || !value.contains("kind") || !value["kind"].is_string()) {
    return wrong(document, pointer, "it does not say which kind of object it is", form);
  }
  if (!value.contains("spec") || !value["spec"].is_object()) {
    return wrong(document, pointer, "it has no spec", form);
  }
  for (const auto& [key, ignored] : value.items()) {
    if (key != "kind" && key != "spec") {
      return wrong(document, pointer, fmt::format("{} is not known beside kind and spec", key), form);
    }
  }
  ObjectDocument object;
  object.source = fmt::format("{}:{}", document.file, document.line_of(pointer));
  object.kind = value["kind"].get<std::string>();
  std::transform(object.kind.begin(), object.kind.end(), object.kind.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  object.spec = value["spec"];
  objects.push_back(std::move(object));
  return ok();
}

std::string text_in(const Json& spec, const char* key) {
  return spec.contains(key) && spec[key].is_string() ? spec[key].get<std::string>() : "";
}

// How many falls back are behind a pool, within the files; a ring ends at the number of pools.
std::size_t depth_of(const std::string& pool, const std::map<std::string, std::vector<std::string>>& fallback,
                     std::size_t most) {
  const auto found = fallback.find(pool);
  std::size_t depth = 0;
  if (most > 0 && found != fallback.end()) {
    for (const std::string& next : found->second) {
      depth = std::max(depth, 1 + depth_of(next, fallback, most - 1));
    }
  }
  return depth;
}

bool is_object_file(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<std::string>> files_of(const std::string& path) {
  if (!exchange::is_folder(path)) {
    return std::vector<std::string>{path};
  }
  std::vector<std::string> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator it(path, failed); !failed && it != std::filesystem::directory_iterator();
       it.increment(failed)) {
    if (is_object_file(it->path())) {
      files.push_back(it->path().string());
    }
  }
  if (failed || files.empty()) {
    return Error(Errc::invalid_argument,
                 fmt::format("reading {}: {}", path, failed ? failed.message() : "no files in it"),
                 "files end in .yaml, .yml or .json; sub-folders are not looked into");
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::vector<ObjectDocument>> objects_in(const exchange::TextFile& file) {
  const auto documents = exchange::documents_in(file);
  if (!documents) {
    return documents.error();
  }
  std::vector<ObjectDocument> objects;
  for (const Document& document : *documents) {
    if (auto done = collect(document, "", document.value, objects); !done) {
      return done.error();
    }
  }
  return objects;
}

Result<std::vector<ObjectDocument>> read_objects(const std::vector<std::string>& paths) {
  std::vector<ObjectDocument> all;
  for (const std::string& path : paths) {
    const auto files = files_of(path);
    if (!files) {
      return files.error();
    }
    for (const std::string& name : *files) {
      const auto file = exchange::read_text(name);
      if (!file) {
        return file.error();
      }
      auto objects = objects_in(*file);
      if (!objects) {
        return objects.error();
      }
      std::move(objects->begin(), objects->end(), std::back_inserter(all));
    }
  }
  if (all.empty()) {
    return Error(Errc::invalid_argument, "there are no objects in what was given", "");
  }
  return all;
}

void sort_for_apply(std::vector<ObjectDocument>& objects) {
  std::map<std::string, std::vector<std::string>> fallback;
  for (const ObjectDocument& object : objects) {
    if (object.kind == "pool" && object.spec.contains("fallback") && object.spec["fallback"].is_array()) {
      for (const Json& next : object.spec["fallback"]) {
        fallback[text_in(object.spec, "name")].push_back(next.is_string() ? next.get<std::string>() : "");
      }
    }
  }
  const auto rank = [&](const ObjectDocument& object) {
    const auto place = std::find(order.begin(), order.end(), object.kind) - order.begin();
    // Longer chains than that are refused anyway.
    const std::size_t depth = object.kind == "pool" ? depth_of(text_in(object.spec, "name"), fallback,
                                                               std::min<std::size_t>(fallback.size(), 8))
                                                    : 0;
    return std::pair(place, depth);
  };
  std::stable_sort(objects.begin(), objects.end(),
                   [&](const ObjectDocument& a, const ObjectDocument& b) { return rank(a) < rank(b); });
}

}  // namespace mooring::ctl
