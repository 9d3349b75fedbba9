#include "mooring/ipam_api/names.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace mooring::ipam_api {
namespace {

bool alphanumeric(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return alphanumeric(c) || c == '-'; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

Result<Attachment> make_attachment(std::string_view container_id, std::string_view ifname) {
  const bool id_fits = !container_id.empty() && container_id.size() <= 255 && alphanumeric(container_id.front()) &&
                       std::all_of(container_id.begin(), container_id.end(),
                                   [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
  if (!id_fits) {
    return Error(Errc::invalid_argument, fmt::format("container_id '{}' is not a container id", container_id),
                 "letters, digits, '_', '.' and '-', beginning with a letter or digit, at most 255");
  }
  const bool name_fits = !ifname.empty() && ifname.size() <= 15 && ifname != "." && ifname != ".." &&
                         std::none_of(ifname.begin(), ifname.end(), [](char c) {
                           return c == '/' || c == ':' || std::isgraph(static_cast<unsigned char>(c)) == 0;
                         });
  if (!name_fits) {
    return Error(Errc::invalid_argument, fmt::format("ifname '{}' is not an interface name", ifname),
                 "1 to 15 visible characters without '/' and ':', like eth0");
  }
  return Attachment{std::string(container_id), std::string(ifname)};
}

Result<Attachment> parse_attachment(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    return Error(Errc::invalid_argument, fmt::format("attachment '{}' has no '/'", text),
                 "write it like CONTAINER-ID/eth0");
  }
  return make_attachment(text.substr(0, slash), text.substr(slash + 1));
}

Result<std::string> parse_hostname(std::string_view field, std::string_view text) {
  bool fits = !text.empty() && text.size() <= 253;
  std::string_view rest = text;
  while (fits) {
    const auto dot = rest.find('.');
    fits = is_label(rest.substr(0, dot));
    if (dot == std::string_view::npos) {
      break;
    }
    rest = rest.substr(dot + 1);
  }
  if (!fits) {
    return Error(Errc::invalid_argument, fmt::format("{} '{}' is not a hostname", field, text),
                 "letters, digits and '-' in labels of at most 63, dots between, at most 253 (RFC 1123), like db-0");
  }
  return lower(text);
}

Result<std::string> parse_name(std::string_view field, std::string_view text) {
  if (!is_label(text) || lower(text) != text) {
    return Error(Errc::invalid_argument, fmt::format("{} '{}' is not a name", field, text),
                 "lower-case letters, digits and '-', not at an end, at most 63, like shop-fixed");
  }
  return std::string(text);
}

}  // namespace mooring::ipam_api
