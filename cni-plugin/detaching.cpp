#include "cni-plugin/detaching.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cni-plugin/log.hpp"
#include "mooring/agent_api/deleted_note.hpp"
#include "mooring/base/durable_file.hpp"

namespace mooring::cni {
namespace {

using netlink::FileDescriptor;

Error not_written(const std::string& folder, const char* step) {
  const int reason = errno;
  return Error(Errc::io, fmt::format("leaving a note in {}: {}: {}", folder, step, std::strerror(reason)),
               reason == ENOENT ? "mooring-agent makes the folder; agentState in the network configuration names its "
                                  "--state-dir"
                                : "");
}

// Written whole under another name, then renamed; on the disk when it returns.
Result<void> leave_note(const std::string& state_folder, const agent_api::DeletedNote& note) {
  const std::string path = agent_api::notes_folder(state_folder);
  const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) {
    return not_written(path, "opening it");
  }
  const std::string name = agent_api::note_name(note.attachment);
  const std::string half = fmt::format("{}.{}", name, ::getpid());
  const FileDescriptor file(
      ::openat(folder.get(), half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    return not_written(path, "making a file");
  }
  if (!write_all(file.get(), agent_api::write_note(note)) || ::fsync(file.get()) != 0 ||
      ::renameat(folder.get(), half.c_str(), folder.get(), name.c_str()) != 0 || ::fsync(folder.get()) != 0) {
    const Error error = not_written(path, "writing");
    ::unlinkat(folder.get(), half.c_str(), 0);
    return error;
  }
  return ok();
}

bool is_away(const Error& error) {
  return error.code() == Errc::unavailable || error.code() == Errc::timeout;
}

}  // namespace

Detaching::Detaching(const std::string& agent_socket, std::string state_folder, agent_api::DetachRequest request,
                     Deadline deadline, const Interruption& interruption)
    : state_folder_(std::move(state_folder)),
      request_(std::move(request)),
      agent_(AgentClient::connect(agent_socket, deadline, interruption)) {
  if (agent_) {
    sent_ = agent_->send_detach(request_);
  }
}

Result<void> Detaching::answer() {
  if (!agent_) {
    return agent_.error();
  }
  if (!sent_) {
    return sent_;
  }
  const auto answer = agent_->receive_detach();
  return answer ? ok() : Result<void>(answer.error());
}

Result<void> Detaching::finish() {
  const auto told = answer();
  agent_is_away_ = !told && is_away(told.error());
  if (!agent_is_away_) {
    return told;
  }
  // A note too many is harmless: a release by who holds nothing releases nothing.
  if (const auto noted = leave_note(state_folder_, {request_.attachment, request_.reason}); !noted) {
    return Error(told.error().code(), fmt::format("{}; {}", told.error().message(), noted.error().message()),
                 noted.error().hint().empty() ? told.error().hint() : noted.error().hint());
  }
  log_line(fmt::format("detaching {}: {}; a note in {} tells the agent when it is there again",
                       request_.attachment.str(), told.error().message(), state_folder_));
  return ok();
}

Result<void> detach(const std::string& agent_socket, const std::string& state_folder,
                    const agent_api::DetachRequest& request, Deadline deadline, const Interruption& interruption) {
  return Detaching(agent_socket, state_folder, request, deadline, interruption).finish();
}

}  // namespace mooring::cni
