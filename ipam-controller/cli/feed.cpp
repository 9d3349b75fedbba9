// feed NAME: what is on a list, once, or each time that it has changed
#include <algorithm>
#include <memory>
#include <ostream>
#include <sys/stat.h>
#include <thread>

#include <fmt/format.h>

#include "ipam-controller/cli/commands.hpp"
#include "mooring/base/durable_file.hpp"
#include "mooring/http/message.hpp"
#include "mooring/ipam_api/names.hpp"

namespace mooring::ctl {
namespace {

constexpr std::chrono::seconds longest_feed_wait{30};
constexpr std::chrono::seconds longest_feed_pause{10};
constexpr unsigned for_everybody = 0644;  // addresses are no secret: those who read the file need not be root

struct FeedWords {
  std::string name;
  std::string format = "json";
  std::string table;
  std::string file;
  bool watch = false;
};

std::string target_of(const FeedWords& words) {
  std::string target = fmt::format("/v1/lists/{}/feed?format={}", words.name, http::percent_encoded(words.format));
  if (!words.table.empty()) {
    target += "&table=" + http::percent_encoded(words.table);
  }
  return target;
}

// A file that is there keeps its mode.
Result<void> replace(const std::string& path, const std::string& content) {
  struct stat there {};
  const unsigned mode = ::stat(path.c_str(), &there) == 0 ? there.st_mode & 0777U : for_everybody;
  return replace_file(path, content, Errc::io, mode);
}

Result<void> write(Invocation& invocation, const FeedWords& words, const std::string& content) {
  if (!words.file.empty()) {
    return replace(words.file, content);
  }
  invocation.out << content << (words.format == "json" ? "\n" : "");
  invocation.out.flush();
  return ok();
}

bool may_come_back(const Error& error) {
  return error.code() == Errc::unavailable || error.code() == Errc::timeout;
}

// Goes on while the controller is away: what was written last still stands.
Result<void> follow(ControllerSession& session, Invocation& invocation, const FeedWords& words, std::string etag) {
  // A wait ends before the time-out of the request does.
  const auto wait = std::clamp(invocation.session.timeout / 2, std::chrono::seconds(1), longest_feed_wait);
  const std::string target = fmt::format("{}&wait_seconds={}", target_of(words), wait.count());
  std::chrono::seconds pause{0};
  while (true) {
    const auto answer = session.fetch(target, etag);
    if (answer) {
      pause = std::chrono::seconds(0);
      if (answer->ok()) {
        if (auto written = write(invocation, words, answer->body); !written) {
          return written;
        }
        etag = answer->header("etag");
      }
      continue;
    }
    if (!may_come_back(answer.error())) {
      return answer.error();
    }
    if (pause.count() == 0) {
      invocation.err << "waiting for the controller: " << answer.error().message() << '\n';
    }
    pause = std::clamp(pause * 2, std::chrono::seconds(1), longest_feed_pause);
    std::this_thread::sleep_for(pause);
  }
}

Result<void> feed(ControllerSession& session, Invocation& invocation, const FeedWords& words) {
  if (const auto name = ipam_api::parse_name("list", words.name); !name) {
    return name.error();
  }
  const auto answer = session.fetch(target_of(words), "");
  if (!answer) {
    return answer.error();
  }
  if (auto written = write(invocation, words, answer->body); !written || !words.watch) {
    return written;
  }
  return follow(session, invocation, words, std::string(answer->header("etag")));
}

}  // namespace

void add_feed(CLI::App& app, Invocation& invocation) {
  const auto words = std::make_shared<FeedWords>();
  CLI::App* command = app.add_subcommand("feed", "what is on a list, for firewalls and balancers outside");
  command->footer(
      R"(Formats: json (blocks, and each pod), plain (a block a line), haproxy (a map: BLOCK NAME), nftables (for nft -f: two
sets, list-NAME-v4 and list-NAME-v6). The blocks are the fewest that have exactly these addresses. More: docs/howto/feeds.md

--watch goes on: each time that the content is another one it is written anew. While the controller is away the last
content stays; when the list is deleted it stays too, and the command ends with an error.

Examples:
  mooringctl feed shop --format plain
  mooringctl feed shop --format haproxy --file /etc/haproxy/shop.map --watch
  mooringctl feed shop --format nftables --table filter | nft -f -)");
  command->add_option("NAME", words->name, "the list")->required()->type_name("");
  command->add_option("--format", words->format, "json, plain, haproxy or nftables")
      ->check(CLI::IsMember({"json", "plain", "haproxy", "nftables"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_option("--table", words->table, "of nftables: the inet table of the sets (default: mooring)")
      ->type_name("NAME");
  command->add_option("--file", words->file, "write there, the old content or the new one, never a part")
      ->type_name("FILE");
  command->add_flag("-w,--watch", words->watch, "go on with each content that follows");
  command->callback([&invocation, words] {
    invocation.action = [&invocation, words](ControllerSession& session) { return feed(session, invocation, *words); };
  });
}

}  // namespace mooring::ctl
