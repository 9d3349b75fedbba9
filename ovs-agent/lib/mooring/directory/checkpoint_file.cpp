// A checkpoint as text, and that text on the disk.
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "mooring/base/durable_file.hpp"
#include "mooring/directory/checkpoint.hpp"

namespace mooring::directory {
namespace {

using ipam_api::Json;

constexpr int format = 1;
constexpr std::size_t port_fields = 11;
constexpr std::size_t largest_file = std::size_t{1} << 30;

std::uint64_t checksum_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  }
  return hash;
}

std::string last_line(std::string_view before) {
  return fmt::format("{{\"checksum\":\"{:016x}\"}}\n", checksum_of(before));
}

std::string json_text(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error damaged(std::size_t line, std::string_view why) {
  return Error(Errc::undecodable, fmt::format("line {}: {}", line, why));
}

// A line's end, with the line taken off `text`; none if there is no further line.
std::optional<std::string_view> next_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

struct Header {
  std::size_t ports = 0, objects = 0;
};

Result<Header> header_from(const Json& json, Image& image) {
  ipam_api::Fields fields(json, "the first line", ipam_api::Fields::Unknown::ignore);
  const auto number = fields.number("mooring_directory");
  image.incarnation = fields.string("incarnation");
  image.revision = fields.number("revision");
  image.digest = fields.parsed("digest", &ipam_api::parse_digest);
  const Header header{static_cast<std::size_t>(fields.number("ports")),
                      static_cast<std::size_t>(fields.number("objects"))};
  if (auto bad = fields.finish()) {
    return *bad;
  }
  if (number != format) {
    return Error(Errc::undecodable, fmt::format("format {} is not {}", number, format));
  }
  return header;
}

bool unsigned_at(const Json& line, std::size_t at) {
  return line[at].is_number_unsigned();
}

// What the array holds, with its names as numbers of `names`.
std::optional<PortRecord> port_from(const Json& line, Names& names, std::string& attachment) {
  if (!line.is_array() || line.size() != port_fields || !unsigned_at(line, 1) || !unsigned_at(line, 2) ||
      !unsigned_at(line, 3) || !line[10].is_boolean()) {
    return std::nullopt;
  }
  for (const std::size_t text : {0U, 4U, 5U, 6U, 7U, 8U, 9U}) {
    if (!line[text].is_string()) {
      return std::nullopt;
    }
  }
  const auto& text = [&line](std::size_t at) -> const std::string& { return line[at].get_ref<const std::string&>(); };
  const auto address = net::IpAddress::parse(text(0));
  const auto vni = net::Vni::from(line[1].get<std::uint64_t>());
  const auto hash = ipam_api::parse_digest(text(4));
  const auto mac = net::MacAddress::parse(text(7));
  if (!address || !vni || !hash || !mac || (text(8) != "active" && text(8) != "pending")) {
    return std::nullopt;
  }
  PortRecord record;
  record.key = PortKey{*vni, *address};
  record.generation = line[2].get<std::uint64_t>();
  record.revision = line[3].get<std::uint64_t>();
  record.hash = *hash;
  record.node = names.number_of(text(5));
  record.network = names.number_of(text(6));
  record.mac = mac->octets();
  record.state = text(8) == "active" ? PortState::active : PortState::pending;
  record.extra = line[10].get<bool>();
  attachment = text(9);
  return record;
}

Result<Image::Object> object_from(const Json& line) {
  ipam_api::Fields fields(line, "object", ipam_api::Fields::Unknown::ignore);
  Image::Object object;
  object.kind = fields.string("kind");
  object.shard = static_cast<ipam_api::Shard>(fields.number("shard"));
  object.key = fields.string("key");
  object.revision = fields.number("revision");
  object.generation = fields.number("generation");
  object.hash = fields.parsed("hash", &ipam_api::parse_digest);
  object.value = fields.string("value");
  if (auto bad = fields.finish()) {
    return *bad;
  }
  return object;
}

Error failed(std::string_view doing, const std::string& path, Errc code) {
  return Error(code, fmt::format("{} {}: {}", doing, path, std::strerror(errno)));
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string write_image(const Image& image) {
  std::string text = fmt::format(
      "{{\"mooring_directory\":{},\"incarnation\":{},\"revision\":{},\"digest\":\"{}\",\"ports\":{},\"objects\":{}}}\n",
      format, json_text(image.incarnation), image.revision, ipam_api::digest_text(image.digest), image.ports.size(),
      image.objects.size());
  std::vector<std::string> names;
  for (const std::string& name : image.names) {
    names.push_back(json_text(name));
  }
  for (const PortRecord& port : image.ports) {
    const auto attachment = image.own_attachments.find(port.key);
    fmt::format_to(
        std::back_inserter(text), "[\"{}\",{},{},{},\"{}\",{},{},\"{}\",\"{}\",{},{}]\n", port.key.address.str(),
        port.key.vni.value(), port.generation, port.revision, ipam_api::digest_text(port.hash), names[port.node],
        names[port.network], net::MacAddress(port.mac).str(), port.state == PortState::active ? "active" : "pending",
        attachment == image.own_attachments.end() ? std::string("\"\"") : json_text(attachment->second), port.extra);
  }
  for (const Image::Object& object : image.objects) {
    fmt::format_to(
        std::back_inserter(text),
        "{{\"kind\":{},\"shard\":{},\"key\":{},\"revision\":{},\"generation\":{},\"hash\":\"{}\",\"value\":{}}}\n",
        json_text(object.kind), object.shard, json_text(object.key), object.revision, object.generation,
        ipam_api::digest_text(object.hash), json_text(object.value));
  }
  return with_checksum(std::move(text));
}

std::string with_checksum(std::string body) {
  body += last_line(body);
  return body;
}

Result<Image> read_image(std::string_view text) {
  // The checksum first: after that, what cannot be read is ours and not the disk's fault.
  const auto before_last = text.size() < 2 ? std::string_view::npos : text.rfind('\n', text.size() - 2);
  const std::string_view body = before_last == std::string_view::npos ? "" : text.substr(0, before_last + 1);
  if (body.empty() || text.substr(body.size()) != last_line(body)) {
    return Error(Errc::undecodable, "it is cut off or damaged: the checksum does not fit");
  }
  std::string_view rest = body;
  Image image;
  std::size_t number = 1;
  const auto first = Json::parse(next_line(rest).value_or(""), nullptr, false);
  const auto header = header_from(first, image);
  if (!header) {
    return damaged(number, header.error().message());
  }
  Names names;
  std::string attachment;
  for (std::size_t i = 0; i < header->ports; ++i) {
    ++number;
    const auto line = Json::parse(next_line(rest).value_or(""), nullptr, false);
    const auto port = port_from(line, names, attachment);
    if (!port) {
      return damaged(number, "this is no port");
    }
    image.ports.push_back(*port);
    if (!attachment.empty()) {
      image.own_attachments[port->key] = attachment;
    }
  }
  for (std::size_t i = 0; i < header->objects; ++i) {
    ++number;
    const auto line = Json::parse(next_line(rest).value_or(""), nullptr, false);
    auto object = object_from(line);
    if (!object) {
      return damaged(number, object.error().message());
    }
    image.objects.push_back(std::move(*object));
  }
  if (!rest.empty()) {
    return damaged(number + 1, "nothing should follow");
  }
  image.names.assign(names.all().begin(), names.all().end());
  return image;
}

Result<void> save_checkpoint(const std::string& path, const Image& image) {
  auto saved = replace_file(path, write_image(image), Errc::storage);
  return saved ? saved : saved.error().within("the directory's checkpoint");
}

Result<Image> load_checkpoint(const std::string& path) {
  const std::string doing = "reading the checkpoint";
  const File file(path, O_RDONLY);
  struct stat found {};
  if (file.fd() < 0 || ::fstat(file.fd(), &found) != 0) {
    return failed(doing, path, errno == ENOENT ? Errc::not_found : Errc::io);
  }
  if (static_cast<std::size_t>(found.st_size) > largest_file) {
    return Error(Errc::undecodable, fmt::format("{} {}: {} bytes are too many", doing, path, found.st_size));
  }
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t size = ::read(file.fd(), text.data() + have, text.size() - have);
    if (size < 0 && errno != EINTR) {
      return failed(doing, path, Errc::io);
    }
    if (size == 0) {
      break;
    }
    have += size > 0 ? static_cast<std::size_t>(size) : 0U;
  }
  text.resize(have);
  auto image = read_image(text);
  return image ? std::move(image) : image.error().within(fmt::format("{} {}", doing, path));
}

}  // namespace mooring::directory
