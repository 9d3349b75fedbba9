// A disk for SQLite, in memory, that does what disks do to those who trust them: when the power fails, what was not
// synced is gone, or there in parts; a sync that fails has lost what it was for, and the next one says that all is well
// (as Linux does); it can be full; it can fail.
//
// It is a SQLite VFS of its own name. One connection at a time: it does not lock.
// Threading: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace mooring::tests {

class LossyDisk {
 public:
  // Everything that is left to chance follows from `seed`.
  explicit LossyDisk(unsigned seed);
  ~LossyDisk();
  LossyDisk(const LossyDisk&) = delete;
  LossyDisk& operator=(const LossyDisk&) = delete;

  // For SqliteOptions::vfs.
  const std::string& vfs() const;

  // The power fails in the middle of the `count`th operation from now (write, sync, truncation, deletion); 0: not at
  // all. From then on every call fails until restore_power().
  void fail_power_after(std::uint64_t count);
  bool power_failed() const;
  // Decides for each sector that was written and not synced whether it is there, cuts some of them, and so for sizes
  // and names of files. No connection may be open.
  void restore_power();
  std::uint64_t operations() const;

  // What happens to an operation on a file; "done" is what a good disk does.
  enum class Outcome { done, no_space, input_output_error };
  enum class Operation { write, sync, truncate };
  // Asked before each operation, with the file's path; none: every operation is done.
  using Faults = std::function<Outcome(Operation operation, const std::string& path)>;
  void inject(Faults faults);

  // Copies a real file onto the disk, as if it had always been there.
  void import_file(const std::string& from, const std::string& to);

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace mooring::tests
