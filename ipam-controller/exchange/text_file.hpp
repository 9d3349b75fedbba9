// Files that somebody else wrote, as text that the readers of exchange/ can trust: UTF-8, bounded, without a byte order
// mark.
//
// Threading: pure functions, but for read_text and read_folder.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mooring/base/error.hpp"

namespace mooring::exchange {

inline constexpr std::size_t max_file_bytes = std::size_t{256} * 1024 * 1024;

struct TextFile {
  std::string name;  // as the user wrote it, for messages
  std::string text;
};

// Takes a UTF-8 byte order mark away. UTF-16, bytes that are no UTF-8 and NUL are refused, with the line.
Result<TextFile> text_from(std::string name, std::string bytes);

// "-" is standard input. Errors: a file that cannot be read, is larger than max_file_bytes, or is no text.
Result<TextFile> read_text(const std::string& path);

// The regular files of a folder and of its sub-folders, in the order of their names; names are relative to `path`.
Result<std::vector<TextFile>> read_folder(const std::string& path);

bool is_folder(const std::string& path);
bool exists(const std::string& path);

}  // namespace mooring::exchange
