// Keeps a second controller process off a store: a lock that the kernel drops with the process, however it ends.
#pragma once

#include <string>

#include "mooring/base/error.hpp"

namespace mooring::controller {

class FileLock {
 public:
  // Makes the file (mode 0600) and writes the process id into it. conflict: another process holds it (named).
  // io: the file cannot be made.
  static Result<FileLock> acquire(const std::string& path);
  FileLock() = default;
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace mooring::controller
