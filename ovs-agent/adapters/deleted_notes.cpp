#include "ovs-agent/adapters/deleted_notes.hpp"

#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace mooring::agent {
namespace {

namespace fs = std::filesystem;

// "mo….json.123": is process 123 still writing it?
bool is_being_written(const std::string& name) {
  pid_t pid = 0;
  const auto digits = name.rfind('.') + 1;
  const auto [end, failed] = std::from_chars(name.data() + digits, name.data() + name.size(), pid);
  return failed == std::errc() && end == name.data() + name.size() && pid > 0 && ::kill(pid, 0) == 0;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

DeletedNotes::DeletedNotes(const std::string& state_folder) : folder_(agent_api::notes_folder(state_folder)) {
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure) {
    throw std::runtime_error(fmt::format("making the folder {}: {}", folder_, failure.message()));
  }
  fs::permissions(folder_, fs::perms::owner_all, failure);
  for (const auto& file : fs::directory_iterator(folder_, failure)) {
    const std::string name = file.path().filename();
    if (!agent_api::is_note_name(name) && !is_being_written(name)) {
      fs::remove(file.path(), failure);
    }
  }
}

std::vector<agent_api::DeletedNote> DeletedNotes::read() {
  std::vector<agent_api::DeletedNote> notes;
  std::error_code failure;
  for (const auto& file : fs::directory_iterator(folder_, failure)) {
    if (!agent_api::is_note_name(file.path().filename().string())) {
      continue;
    }
    auto note = agent_api::read_note(text_of(file.path()));
    if (note) {
      notes.push_back(std::move(*note));
      continue;
    }
    spdlog::error("{}: {}; it is left out: reconciliation finds its port", file.path().string(), note.error().text());
    fs::remove(file.path(), failure);
  }
  return notes;
}

void DeletedNotes::forget(const Attachment& attachment) {
  std::error_code failure;
  fs::remove(fs::path(folder_) / agent_api::note_name(attachment), failure);
  if (failure) {
    spdlog::error("removing the note of {} from {}: {}", attachment.str(), folder_, failure.message());
  }
}

}  // namespace mooring::agent
