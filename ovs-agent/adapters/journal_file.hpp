// The journal as a file: appended line by line, rewritten short at each start and when it has grown.
// Errors: storage, naming the file. Threading: one thread.
#pragma once

#include <string>

#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

class JournalFile final : public JournalPort {
 public:
  // Reads what is there (a missing file is an empty journal), rewrites it short. Throws std::runtime_error if the
  // folder cannot be written: without a journal the agent must not start.
  explicit JournalFile(std::string path);
  ~JournalFile() override;
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  const JournalState& state() const override { return state_; }
  Result<void> note(const JournalRecord& record) override;
  Result<void> note_durably(const JournalRecord& record) override;

  static constexpr std::size_t rewrite_above_bytes = 256 * 1024;

 private:
  Result<void> append(const std::string& text, bool durably);
  Result<void> rewrite();
  Error failed(const char* step) const;

  std::string path_;
  int fd_ = -1;
  std::size_t bytes_ = 0;
  bool torn_ = false;  // a write failed half-way (disk full): what follows it in the file could not be read back
  JournalState state_;
};

}  // namespace mooring::agent
