// audit list, verify, export, prune
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <ostream>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ipam-controller/cli/audit_copy.hpp"
#include "ipam-controller/cli/commands.hpp"
#include "ipam-controller/cli/times.hpp"
#include "mooring/http/message.hpp"

namespace mooring::ctl {
namespace {

struct Wanted {
  std::string subject, from, to;
  std::uint64_t limit = 100;
  std::uint64_t after = 0;
  std::vector<std::string> files;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::string> time_parameter(std::string_view name, const std::string& text) {
  if (text.empty()) {
    return std::string();
  }
  const auto time = parse_time(text, now_ms());
  if (!time) {
    return time.error().within(fmt::format("--{}", name));
  }
  return fmt::format("&{}_ms={}", name, *time);
}

bool is_set(const Json& object, std::string_view field) {
  const Json& value = field_at(object, field);
  return value.is_boolean() && value.get<bool>();
}

std::string who_text(const Json& actor) {
  return fmt::format("{} {}", cell_of(actor, "kind"), cell_of(actor, "name"));
}

Result<void> list(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  const auto from = time_parameter("from", wanted.from);
  const auto to = time_parameter("to", wanted.to);
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  const auto page = session.get(fmt::format("/v1/audit?after={}&limit={}&subject={}{}{}", wanted.after, wanted.limit,
                                            http::percent_encoded(wanted.subject), *from, *to));
  if (!page) {
    return page.error();
  }
  if (invocation.format == Format::json || invocation.format == Format::yaml) {
    print_document(invocation.out, *page, invocation.format);
    return ok();
  }
  TextTable table({"SEQ", "TIME", "WHO", "ACTION", "KIND", "KEY", "REASON"});
  for (const Json& record : field_at(*page, "items")) {
    const Json& at = field_at(record, "at_ms");
    table.add({cell_of(record, "seq"), time_text(at.is_number() ? at.get<std::int64_t>() : 0),
               who_text(field_at(record, "actor")), cell_of(record, "action"), cell_of(record, "kind"),
               cell_of(record, "key"), cell_of(record, "reason")});
  }
  table.print(invocation.out);
  if (is_set(*page, "more")) {
    const Json& items = field_at(*page, "items");
    invocation.err << "there are more: --after " << cell_of(items.back(), "seq") << '\n';
  }
  return ok();
}

void print_whole(std::ostream& out, const AuditCopy& copy) {
  out << fmt::format("whole: records {} to {}, last hash {}\n", copy.first_seq, copy.last_seq, copy.last_hash);
}

Result<void> verify_files(Invocation& invocation, const std::vector<std::string>& files) {
  AuditCopy copy;
  for (const std::string& file : files) {
    auto read = verify_copy(file, std::move(copy));
    if (!read) {
      return read.error();
    }
    copy = std::move(*read);
  }
  print_whole(invocation.out, copy);
  return ok();
}

Result<void> verify(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  if (!wanted.files.empty()) {
    return verify_files(invocation, wanted.files);
  }
  constexpr std::uint64_t told_every = 100'000;
  std::string first;
  std::uint64_t after = 0;
  std::uint64_t told = 0;
  while (true) {
    const auto verdict = session.post(fmt::format("/v1/audit:verify?after={}", after), Json::object());
    if (!verdict) {
      return verdict.error();
    }
    first = first.empty() ? cell_of(*verdict, "first_seq") : first;
    if (!is_set(*verdict, "whole")) {
      return Error(Errc::check_failed, fmt::format("verifying the audit ledger: {}", cell_of(*verdict, "problem")),
                   "everything before it is whole; compare with an export or a backup from before");
    }
    const Json& last = field_at(*verdict, "last_seq");
    const std::uint64_t reached = last.is_number_unsigned() ? last.get<std::uint64_t>() : 0;
    if (!is_set(*verdict, "more") || reached <= after) {
      invocation.out << fmt::format("whole: records {} to {}, last hash {}\n", first, reached,
                                    cell_of(field_at(*verdict, "head"), "hash"));
      return ok();
    }
    after = reached;
    if (after - told >= told_every) {
      told = after;
      invocation.err << fmt::format("record {} of {}\n", after, cell_of(field_at(*verdict, "head"), "seq"));
    }
  }
}

// A file that is made, and is not there if it could not be finished.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)) {}
  ~NewFile() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
      ::unlink(path_.c_str());
    }
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> make() {
    constexpr mode_t owner_only = 0600;  // it says who ran where
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, owner_only);
    return descriptor_ < 0 ? failed() : ok();
  }
  Result<void> write(std::string_view text) {
    while (!text.empty()) {
      const auto written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno != EINTR) {
        return failed();
      }
      text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    return ok();
  }
  Result<void> finish() {
    if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) {
      return failed();
    }
    return ok();
  }

 private:
  Result<void> failed() const {
    return Error(Errc::io, fmt::format("writing {}: {}", path_, std::strerror(errno)), "name a file that is not there");
  }
  std::string path_;
  int descriptor_ = -1;
};

std::uint64_t number_at(const Json& object, std::string_view field) {
  const Json& value = field_at(object, field);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

std::string lines_of(const Json& page) {
  ipam_api::AuditSegment segment;
  segment.incarnation = cell_of(page, "incarnation");
  segment.first_seq = number_at(page, "first_seq");
  segment.last_seq = number_at(page, "last_seq");
  segment.previous_hash = cell_of(page, "previous_hash");
  segment.last_hash = cell_of(page, "last_hash");
  segment.more = is_set(page, "more");
  std::string lines = header_line(segment) + '\n';
  for (const Json& record : field_at(page, "records")) {
    const Json& text = field_at(record, "record");
    lines += ipam_api::record_line(cell_of(record, "hash"), text.is_string() ? text.get<std::string>() : "") + '\n';
  }
  return lines;
}

Result<void> export_to(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  const std::string& path = wanted.files.front();
  NewFile file(path);
  if (auto made = file.make(); !made) {
    return made;
  }
  std::uint64_t after = wanted.after;
  for (bool more = true; more;) {
    const auto page = session.get(fmt::format("/v1/audit:export?after={}", after));
    if (!page) {
      return page.error();
    }
    if (auto written = file.write(lines_of(*page)); !written) {
      return written;
    }
    const std::uint64_t last = number_at(*page, "last_seq");
    more = is_set(*page, "more") && last > after;
    after = last;
  }
  if (auto finished = file.finish(); !finished) {
    return finished;
  }
  const auto copy = verify_copy(path, AuditCopy());
  if (!copy) {
    return copy.error();
  }
  print_whole(invocation.out, *copy);
  return ok();
}

Result<void> prune(ControllerSession& session, Invocation& invocation, const Wanted& wanted) {
  const std::string& path = wanted.files.front();
  const auto copy = verify_copy(path, AuditCopy());
  if (!copy) {
    return copy.error();
  }
  const auto kept = session.get("/v1/audit?limit=1");
  if (!kept) {
    return kept.error();
  }
  if (const std::uint64_t oldest = number_at(*kept, "first_seq"); oldest < copy->first_seq) {
    return Error(
        Errc::conflict,
        fmt::format("pruning the audit ledger: records {} to {} are not in {}", oldest, copy->first_seq - 1, path),
        "prune with the older export first, or export everything: mooringctl audit export FILE");
  }
  const Json body = {{"last_seq", copy->last_seq}, {"last_hash", copy->last_hash}};
  const auto pruned = session.post("/v1/audit:prune", body);
  if (!pruned) {
    return pruned.error();
  }
  invocation.out << fmt::format("{} records pruned; the oldest is now {}\n", cell_of(*pruned, "records"),
                                cell_of(*pruned, "first_seq"));
  return ok();
}

using Command = Result<void> (*)(ControllerSession&, Invocation&, const Wanted&);

CLI::App* add(CLI::App& audit, Invocation& invocation, const std::shared_ptr<Wanted>& wanted, const char* name,
              const char* description, Command run) {
  CLI::App* command = audit.add_subcommand(name, description);
  command->fallthrough();
  command->callback([&invocation, wanted, run] {
    invocation.action = [&invocation, wanted, run](ControllerSession& session) {
      return run(session, invocation, *wanted);
    };
  });
  return command;
}

}  // namespace

void add_audit(CLI::App& app, Invocation& invocation) {
  CLI::App* audit = app.add_subcommand("audit", "who changed what, when and why; is the record of it whole?");
  audit->require_subcommand(1);
  audit->footer(R"(Examples:
  mooringctl audit list shop/db-0 --from yesterday
  mooringctl audit verify                        of the controller
  mooringctl audit export 2026-11.audit
  mooringctl audit verify 2026-10.audit 2026-11.audit      asks nobody
  mooringctl audit prune 2026-11.audit           deletes what is in the file, after verifying it

Exit codes: 0 fine, 1 the chain is broken or another problem, 2 wrong usage.)");
  const auto wanted = std::make_shared<Wanted>();
  CLI::App* listed = add(*audit, invocation, wanted, "list", "records, oldest first", &list);
  listed->add_option("SUBJECT", wanted->subject, "an address, NAMESPACE/HOSTNAME, or KIND/NAME")->type_name("");
  listed->add_option("--from", wanted->from, "not older than TIME")->type_name("TIME");
  listed->add_option("--to", wanted->to, "not newer than TIME")->type_name("TIME");
  listed->add_option("--limit", wanted->limit, "at most so many")->check(CLI::Range(1, 2000))->capture_default_str();
  listed->add_option("--after", wanted->after, "behind that record")->type_name("SEQ");
  CLI::App* verified =
      add(*audit, invocation, wanted, "verify", "compute the chain anew: the controller's, or that of files", &verify);
  verified->add_option("FILE", wanted->files, "exports, in order")->type_name("");
  CLI::App* exported = add(*audit, invocation, wanted, "export", "copy the records to a new file", &export_to);
  exported->add_option("FILE", wanted->files)->required()->expected(1)->type_name("");
  exported->add_option("--after", wanted->after, "behind that record: where the last export ended")->type_name("SEQ");
  CLI::App* pruned = add(*audit, invocation, wanted, "prune", "delete the records that are in a file", &prune);
  pruned->add_option("FILE", wanted->files, "an export")->required()->expected(1)->type_name("");
}

}  // namespace mooring::ctl
