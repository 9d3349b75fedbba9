#include "ipam-controller/exchange/text_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>

#include <fmt/format.h>

namespace mooring::exchange {
namespace {

Error unreadable(const std::string& name, const std::string& cause, const std::string& hint = {}) {
  return Error(Errc::invalid_argument, fmt::format("reading {}: {}", name, cause), hint);
}

unsigned byte_at(std::string_view text, std::size_t index) {
  return index < text.size() ? static_cast<unsigned char>(text[index]) : 0;
}

// The length of the character at `index` by RFC 3629 (no overlong forms, no surrogates), 0: it is none.
std::size_t character_length(std::string_view text, std::size_t index) {
  const unsigned first = byte_at(text, index);
  const unsigned second = byte_at(text, index + 1);
  const auto continues = [&](std::size_t offset) { return (byte_at(text, index + offset) & 0xc0U) == 0x80U; };
  if (first < 0x80) {
    return first == 0 ? 0 : 1;
  }
  if (first >= 0xc2 && first < 0xe0) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first < 0xf0) {
    const bool fits = first == 0xe0 ? second >= 0xa0 : first == 0xed ? second < 0xa0 : true;
    return fits && continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool fits = first == 0xf0 ? second >= 0x90 : first == 0xf4 ? second < 0x90 : true;
    return fits && continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

std::optional<std::size_t> first_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    if (length == 0) {
      return at;
    }
    at += length;
  }
  return std::nullopt;
}

}  // namespace

Result<TextFile> text_from(std::string name, std::string bytes) {
  constexpr std::string_view utf8_mark = "\xef\xbb\xbf";
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) {
    return unreadable(name, "it is UTF-16", "save it as UTF-8 (spreadsheets: \"CSV UTF-8\")");
  }
  if (bytes.starts_with(utf8_mark)) {
    bytes.erase(0, utf8_mark.size());
  }
  if (const auto bad = first_bad_byte(bytes)) {
    const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*bad), '\n');
    return unreadable(name, fmt::format("line {} is no UTF-8 text (byte 0x{:02x})", line, byte_at(bytes, *bad)),
                      "save it as UTF-8");
  }
  return TextFile{std::move(name), std::move(bytes)};
}

Result<TextFile> read_text(const std::string& path) {
  std::string bytes;
  std::string name = path;
  if (path == "-") {
    name = "standard input";
    std::ostringstream all;
    all << std::cin.rdbuf();
    bytes = std::move(all).str();
  } else {
    if (is_folder(path)) {
      return unreadable(path, "it is a folder", "name the files in it");
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      return unreadable(path, std::strerror(errno));
    }
    std::error_code failed;
    if (const auto size = std::filesystem::file_size(path, failed); !failed && size > max_file_bytes) {
      return unreadable(path, fmt::format("it has {} bytes, at most {} are read", size, max_file_bytes));
    }
    std::ostringstream all;
    all << file.rdbuf();
    bytes = std::move(all).str();
    if (file.bad()) {
      return unreadable(path, std::strerror(errno));
    }
  }
  if (bytes.size() > max_file_bytes) {
    return unreadable(name, fmt::format("it has more than {} bytes", max_file_bytes));
  }
  return text_from(std::move(name), std::move(bytes));
}

Result<std::vector<TextFile>> read_folder(const std::string& path) {
  std::vector<std::string> names;
  std::error_code failed;
  std::filesystem::recursive_directory_iterator entries(path, failed);
  for (; !failed && entries != std::filesystem::recursive_directory_iterator(); entries.increment(failed)) {
    if (entries->is_regular_file(failed) && !failed) {
      names.push_back(entries->path().lexically_relative(path).string());
    }
  }
  if (failed) {
    return unreadable(path, failed.message());
  }
  std::sort(names.begin(), names.end());
  std::vector<TextFile> files;
  for (const std::string& name : names) {
    auto file = read_text((std::filesystem::path(path) / name).string());
    if (!file) {
      return file.error();
    }
    file->name = name;
    files.push_back(std::move(*file));
  }
  return files;
}

bool is_folder(const std::string& path) {
  std::error_code failed;
  return std::filesystem::is_directory(path, failed);
}

bool exists(const std::string& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

}  // namespace mooring::exchange
