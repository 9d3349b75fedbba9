// watch: what an agent sees (docs/api/watch.md), readably
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "mooring/http/message.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::ctl {
namespace {

struct WatchWords {
  bool changes_only = false;
  bool snapshot_only = false;
  bool heartbeats = false;
};

// Until HELLO has said how often to expect something.
constexpr std::chrono::seconds first_patience{15};

// "port 100 10.0.0.5/32  generation=41 mac=… node=h1 state=active"
std::string entry_text(const Json& entry) {
  std::string text = cell_of(entry, "kind");
  if (cell_of(entry, "shard") != "0") {
    text += " vni " + cell_of(entry, "shard");
  }
  text += " " + cell_of(entry, "key");
  if (entry.contains("generation")) {
    text += "  generation=" + cell_of(entry, "generation");
  }
  const Json& value = field_at(entry, "value");
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      text += fmt::format(" {}={}", key, cell_text(item));
    }
  }
  return text;
}

class FramePrinter {
 public:
  FramePrinter(std::ostream& out, bool heartbeats) : out_(out), heartbeats_(heartbeats) {}

  // What was read is one frame; `type` of it is known to be a text.
  void print(const std::string& type, const Json& frame) {
    if (type == "HELLO") {
      const bool resume = field_at(frame, "resume") == true;
      out_ << fmt::format("controller at revision {}, incarnation {}, protocol {}; {}\n", cell_of(frame, "revision"),
                          cell_of(frame, "incarnation"), cell_of(frame, "protocol"),
                          resume ? "changes follow" : "a snapshot follows");
    } else if (type == "ENTRIES") {
      for (const Json& entry : field_at(frame, "entries")) {
        out_ << "= " << entry_text(entry) << '\n';
      }
    } else if (type == "CHANGES") {
      out_ << "revision " << cell_of(frame, "revision") << ":\n";
      for (const Json& entry : field_at(frame, "changes")) {
        out_ << (field_at(entry, "deleted") == true ? "- " : "+ ") << entry_text(entry) << '\n';
      }
    } else if (type == "END_OF_SNAPSHOT") {
      out_ << fmt::format("shard {} is whole at revision {}: entries {}, digest {}\n", cell_of(frame, "shard"),
                          cell_of(frame, "revision"), cell_of(frame, "count"), cell_of(frame, "digest"));
    } else if (type == "END_OF_SNAPSHOTS") {
      out_ << fmt::format("the snapshot is whole at revision {}; changes follow\n", cell_of(frame, "revision"));
    } else if (type == "HEARTBEAT") {
      if (heartbeats_) {
        out_ << fmt::format("heartbeat: all up to revision {} was sent, digest {}\n", cell_of(frame, "revision"),
                            cell_of(frame, "digest"));
      }
    } else if (type != "GOODBYE") {
      out_ << type << ' ' << frame.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
    out_.flush();  // somebody is looking on, perhaps through a pipe
  }

 private:
  std::ostream& out_;
  bool heartbeats_;
};

Result<std::string> target_of(ControllerSession& session, const WatchWords& words) {
  std::string target = fmt::format("/v1/watch?protocol={}&role=observer", ipam_api::protocol_version);
  if (words.changes_only) {
    const auto now = session.get("/v1/version");
    if (!now) {
      return now.error();
    }
    target += fmt::format("&incarnation={}&revision={}", http::percent_encoded(cell_of(*now, "incarnation")),
                          cell_of(*now, "revision"));
  }
  return target;
}

Result<void> watch(ControllerSession& session, Invocation& invocation, const WatchWords& words) {
  const auto target = target_of(session, words);
  if (!target) {
    return target.error();
  }
  if (const auto begun = session.begin_stream(*target); !begun) {
    return begun;
  }
  const bool raw = invocation.format == Format::json;
  FramePrinter printer(invocation.out, words.heartbeats);
  std::chrono::seconds patience = first_patience;
  while (true) {
    const auto line = session.next_line(patience);
    if (!line) {
      return line.error();
    }
    const auto frame = ipam_api::parse_json("a line of the stream", *line);
    if (!frame) {
      return frame.error();
    }
    const Json& type_field = field_at(*frame, "type");
    if (!type_field.is_string()) {
      return Error(Errc::unavailable, fmt::format("reading the stream of {}: a line has no type", session.endpoint()));
    }
    const std::string type = type_field.get<std::string>();
    if (raw && (type != "HEARTBEAT" || words.heartbeats)) {
      invocation.out << *line << std::endl;
    } else if (!raw) {
      printer.print(type, *frame);
    }
    if (const Json& heartbeat = field_at(*frame, "heartbeat_seconds"); heartbeat.is_number_unsigned()) {
      patience = std::chrono::seconds(3 * std::min<std::uint64_t>(heartbeat.get<std::uint64_t>(), 3600) + 1);
    }
    if (type == "GOODBYE") {
      return Error(Errc::unavailable, fmt::format("the controller ended the stream: {}: {}", cell_of(*frame, "title"),
                                                  cell_of(*frame, "detail")));
    }
    if (type == "END_OF_SNAPSHOTS" && words.snapshot_only) {
      return ok();
    }
  }
}

}  // namespace

void add_watch(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<WatchWords>();
  CLI::App* command = app.add_subcommand("watch", "print the directory and its changes as agents see them");
  command->footer(
      R"("=" is an entry of the snapshot, "+" one that came or changed, "-" one that went. -o json prints the frames as they are.

Examples:
  mooringctl watch --changes
  mooringctl watch --snapshot -o json)");
  auto* changes = command->add_flag("--changes", words->changes_only, "only changes from now on, no snapshot");
  command->add_flag("--snapshot", words->snapshot_only, "print the snapshot and end")->excludes(changes);
  command->add_flag("--heartbeats", words->heartbeats, "heartbeats too");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) { return watch(session, invocation, *words); };
  });
}

}  // namespace mooring::ctl
