// backup: the controller's store as one file, to be restored with mooring-controller restore
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <unistd.h>

#include <fmt/format.h>

#include "ipam-controller/cli/store_commands.hpp"
#include "mooring/http/blocking_download.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

// Copying on the controller's side takes a second for each 100 MiB or so.
constexpr std::chrono::seconds until_it_is_made{600};

struct BackupWords {
  std::string file;
  bool force = false;
};

std::string way_out_of(int cause) {
  switch (cause) {
    case ENOENT:
    case ENOTDIR:
      return "make the folder first, or give another path";
    case EACCES:
    case EPERM:
    case EROFS:
      return "give a path in a folder that you may write to";
    case ENOSPC:
    case EDQUOT:
      return "make space there, or give a path on another disk";
    default:
      return "look at the disk: dmesg";
  }
}

Error of_file(std::string_view doing, const std::string& path, int cause) {
  return Error(Errc::io, fmt::format("{} {}: {}", doing, path, std::strerror(cause)), way_out_of(cause));
}

// Gets its name only when it is whole and on the disk.
class FileToBe {
 public:
  explicit FileToBe(std::string path) : path_(std::move(path)), part_(path_ + ".part") {}
  ~FileToBe() {
    if (number_ >= 0) {
      ::close(number_);
      ::unlink(part_.c_str());
    }
  }
  FileToBe(const FileToBe&) = delete;
  FileToBe& operator=(const FileToBe&) = delete;

  Result<void> open() {
    ::unlink(part_.c_str());
    number_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);  // it says who runs where
    return number_ >= 0 ? ok() : Result<void>(of_file("making", part_, errno));
  }
  Result<void> add(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(number_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) {
        return of_file("writing", part_, errno);
      }
      bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
    return ok();
  }
  Result<void> finish() {
    if (::fsync(number_) != 0 || std::rename(part_.c_str(), path_.c_str()) != 0) {
      return of_file("writing", path_, errno);
    }
    ::close(number_);
    number_ = -1;
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    const int parent = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool named = parent >= 0 && ::fsync(parent) == 0;
    const int cause = errno;
    if (parent >= 0) {
      ::close(parent);
    }
    return named ? ok() : Result<void>(of_file("syncing the folder of", path_, cause));
  }

 private:
  std::string path_;
  std::string part_;
  int number_ = -1;
};

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// One line that is written over, for people.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, bool shown) : out_(out), shown_(shown) {}
  ~ProgressLine() {
    if (shown_ && !last_.empty()) {
      out_ << '\n';
    }
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(std::uint64_t done, std::uint64_t total) {
    const std::string text = fmt::format("{} of {} MiB", done >> 20, total >> 20);
    if (shown_ && text != last_) {
      out_ << '\r' << text << std::flush;
      last_ = text;
    }
  }

 private:
  std::ostream& out_;
  bool shown_;
  std::string last_;
};

// `session` is open, so server and token are known to be good.
std::string token_of(const SessionOptions& options) {
  std::string token;
  if (!options.token_file.empty()) {
    std::ifstream(options.token_file) >> token;
  }
  return token;
}

Result<void> back_up(ControllerSession& session, Invocation& invocation, const BackupWords& words) {
  const std::string doing = "backing up to " + words.file;
  std::error_code ignored;
  if (!words.force && std::filesystem::exists(words.file, ignored)) {
    return Error(Errc::already_exists, doing + ": the file is there", "--force replaces it");
  }
  if (const auto there = session.get("/v1/version"); !there) {
    return there.error();
  }
  FileToBe file(words.file);
  if (auto made = file.open(); !made) {
    return made.error().within(doing);
  }
  const auto endpoint = http::Endpoint::parse(invocation.session.server);
  const auto resolved = endpoint ? http::resolved(*endpoint) : endpoint;
  if (!resolved) {
    return resolved.error().within(doing);
  }
  http::BlockingDownload download(*resolved, token_of(invocation.session));
  const auto head = download.begin("/v1/backup", http::after(until_it_is_made));
  if (!head) {
    return head.error().within(doing);
  }
  if (!head->ok()) {
    return ipam_api::error_from_problem(head->status, head->body).within(doing);
  }
  const std::uint64_t total = number_in(head->header("mooring-backup-bytes"));
  std::uint64_t done = 0;
  ProgressLine progress(invocation.err, ::isatty(STDERR_FILENO) == 1);
  while (true) {
    const auto bytes = download.next(http::after(invocation.session.timeout));
    if (!bytes) {
      return bytes.error().within(doing);
    }
    if (bytes->empty()) {
      break;
    }
    if (auto added = file.add(*bytes); !added) {
      return added.error().within(doing);
    }
    done += bytes->size();
    progress.show(done, total);
  }
  if (done != total || total == 0) {
    return Error(Errc::unavailable,
                 fmt::format("{}: {} of {} bytes came before the controller ended it", doing, done, total),
                 "its log says why; try again");
  }
  if (auto finished = file.finish(); !finished) {
    return finished.error().within(doing);
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    const Json shown = {{"file", words.file},
                        {"bytes", total},
                        {"revision", number_in(head->header("mooring-revision"))},
                        {"incarnation", std::string(head->header("mooring-incarnation"))}};
    print_document(invocation.out, shown, invocation.format);
  } else {
    invocation.out << fmt::format("{}: {} bytes, revision {}, incarnation {}\n", words.file, total,
                                  head->header("mooring-revision"), head->header("mooring-incarnation"));
  }
  return ok();
}

}  // namespace

void add_backup(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("backup", "copy the controller's store, as it is now, to a file here");
  const auto words = std::make_shared<BackupWords>();
  command->add_option("FILE", words->file, "made with mode 0600, whole or not at all")->required();
  command->add_flag("--force", words->force, "replace the file if it is there");
  command->footer(R"(The controller goes on meanwhile. To go back to it, on the controller's machine:
  systemctl stop mooring-controller
  mooring-controller restore --from FILE --force

Examples:
  mooringctl backup /var/backups/mooring-$(date +%F).db)");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) {
      return back_up(session, invocation, *words);
    };
  });
}

}  // namespace mooring::ctl
