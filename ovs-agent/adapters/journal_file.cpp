#include "ovs-agent/adapters/journal_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "mooring/base/durable_file.hpp"

namespace mooring::agent {

JournalFile::JournalFile(std::string path) : path_(std::move(path)) {
  std::ifstream file(path_);
  std::stringstream text;
  if (file) {
    text << file.rdbuf();
  }
  state_ = read_journal(text.str());
  if (state_.bad_lines > 0) {
    spdlog::error("journal {}: {} damaged lines were left out; a release may have been lost, reconciliation finds it",
                  path_, state_.bad_lines);
  }
  if (const auto rewritten = rewrite(); !rewritten) {
    if (!file) {
      throw std::runtime_error(rewritten.error().text());
    }
    // It was read whole. The node's pods need an agent more than it needs the disk: what must be on the disk is refused
    // until it can be written, and each attempt tries to write all of it.
    spdlog::error("{}; going on without", rewritten.error().text());
    torn_ = true;
  }
}

JournalFile::~JournalFile() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<void> JournalFile::note(const JournalRecord& record) {
  state_.apply(record);
  return append(write_record(record), false);
}

Result<void> JournalFile::note_durably(const JournalRecord& record) {
  state_.apply(record);
  return append(write_record(record), true);
}

Result<void> JournalFile::append(const std::string& text, bool durably) {
  if (torn_ || bytes_ + text.size() > rewrite_above_bytes) {
    return rewrite();  // holds the record already, and is durable
  }
  bytes_ += text.size();
  if (!write_all(fd_, text)) {
    torn_ = true;
    return failed("write");
  }
  if (durably && ::fdatasync(fd_) != 0) {
    torn_ = true;
    return failed("fdatasync");
  }
  return ok();
}

// Under another name, then renamed: a crash leaves the old or the new one whole.
Result<void> JournalFile::rewrite() {
  const std::string next = path_ + ".new";
  const std::string text = state_.text();
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    return failed("open");
  }
  if (!write_all(fd, text) || ::fsync(fd) != 0 || ::rename(next.c_str(), path_.c_str()) != 0) {
    const auto error = failed("rewrite");
    ::close(fd);
    return error;
  }
  if (const auto durable = make_name_durable(path_); !durable) {
    ::close(fd);
    torn_ = true;  // fd_ is of the file that was there before
    return Error(Errc::storage, durable.error().message(), durable.error().hint()).within("the journal");
  }
  if (fd_ >= 0) {
    ::close(fd_);
  }
  fd_ = fd;
  bytes_ = text.size();
  torn_ = false;
  return ok();
}

Error JournalFile::failed(const char* step) const {
  return Error(Errc::storage, fmt::format("writing the journal {}: {}: {}", path_, step, std::strerror(errno)),
               "is the disk full, or read-only?");
}

}  // namespace mooring::agent
