#include "ipam-controller/api/feed_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ipam-controller/domain/object_json.hpp"
#include "ipam-controller/domain/object_text.hpp"
#include "mooring/http/sha256.hpp"
#include "mooring/ipam_api/json_text.hpp"

namespace mooring::controller {
namespace {

constexpr std::size_t version_bytes = 8;
constexpr std::size_t longest_table = 63;
constexpr std::size_t elements_a_line = 8;

std::string plain(const std::vector<net::IpCidr>& cover) {
  std::string text;
  for (const net::IpCidr& block : cover) {
    text += block.str();
    text += '\n';
  }
  return text;
}

std::string head(const AddressList& list, const std::string& version) {
  return fmt::format("# list {} of network {}, version {}\n", list.name, list.network, version);
}

// A map's key is a block, its value the list's name: several lists fit into one map.
std::string haproxy(const AddressList& list, const std::string& version, const std::vector<net::IpCidr>& cover) {
  std::string text = head(list, version);
  for (const net::IpCidr& block : cover) {
    text += fmt::format("{} {}\n", block.str(), list.name);
  }
  return text;
}

void add_elements(std::string& text, const FeedForm& form, const std::string& set, net::Family family,
                  const std::vector<net::IpCidr>& cover) {
  std::size_t written = 0;
  for (const net::IpCidr& block : cover) {
    if (block.family() != family) {
      continue;
    }
    if (written == 0) {
      text += fmt::format("add element inet {} {} {{", form.table, set);
    }
    text += fmt::format("{}{}{}", written == 0 ? "" : ",", written % elements_a_line == 0 ? "\n  " : " ", block.str());
    ++written;
  }
  text += written == 0 ? "" : "\n}\n";
}

// One transaction of nft -f: the sets are made if they are not there, and have the new content or the old one. A name
// of a list may begin with a digit or be a word of nft's own, so it does not stand alone.
std::string nftables(const FeedForm& form, const AddressList& list, const std::string& version,
                     const std::vector<net::IpCidr>& cover) {
  std::string text = head(list, version) + fmt::format("add table inet {}\n", form.table);
  for (const net::Family family : {net::Family::v4, net::Family::v6}) {
    const bool v4 = family == net::Family::v4;
    const std::string set = fmt::format("list-{}-{}", list.name, v4 ? "v4" : "v6");
    text += fmt::format("add set inet {} {} {{ type {}; flags interval; }}\n", form.table, set,
                        v4 ? "ipv4_addr" : "ipv6_addr");
    text += fmt::format("flush set inet {} {}\n", form.table, set);
    add_elements(text, form, set, family, cover);
  }
  return text;
}

bool good_table(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && name.size() <= longest_table && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

Result<FeedForm> parse_feed_form(std::string_view format, std::string_view table) {
  FeedForm form;
  if (format == "plain") {
    form.format = FeedFormat::plain;
  } else if (format == "haproxy") {
    form.format = FeedFormat::haproxy;
  } else if (format == "nftables") {
    form.format = FeedFormat::nftables;
  } else if (!format.empty() && format != "json") {
    return Error(Errc::invalid_argument, fmt::format("format is '{}', which no feed has", format),
                 "json, plain, haproxy or nftables");
  }
  if (table.empty()) {
    return form;
  }
  if (form.format != FeedFormat::nftables) {
    return Error(Errc::invalid_argument, fmt::format("table is '{}', and the format has none", table),
                 "it is for format=nftables");
  }
  if (!good_table(table)) {
    return Error(Errc::invalid_argument, fmt::format("table is '{}', which nftables cannot call a table", table),
                 fmt::format("a letter or _, then letters, digits, _ and -; at most {} in all", longest_table));
  }
  form.table = table;
  return form;
}

std::string_view content_type_of(const FeedForm& form) {
  return form.format == FeedFormat::json ? "application/json" : "text/plain; charset=utf-8";
}

std::string feed_digest(std::string_view text) {
  http::Sha256 sha256;
  std::string digits;
  for (const char c : sha256.of(text, "").substr(0, version_bytes)) {
    digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return digits;
}

std::string feed_version(const AddressList& list, const std::vector<net::IpCidr>& cover) {
  return feed_digest(list.network + "/" + list.name + "\n" + plain(cover));
}

std::string feed_text(const FeedForm& form, const AddressList& list, const std::string& version,
                      const std::vector<net::IpCidr>& cover) {
  return form.format == FeedFormat::plain     ? plain(cover)
         : form.format == FeedFormat::haproxy ? haproxy(list, version, cover)
                                              : nftables(form, list, version, cover);
}

std::string feed_json(const AddressList& list, const std::string& version, const std::vector<net::IpCidr>& cover,
                      const std::vector<FeedMember>& members, std::size_t left_out) {
  std::string cidrs = "[";
  for (const net::IpCidr& block : cover) {
    cidrs += cidrs.size() == 1 ? "\"" : ",\"";
    cidrs += block.str();
    cidrs += '"';
  }
  cidrs += ']';
  Json pods = Json::array();
  for (const FeedMember& member : members) {
    pods.push_back({{"address", member.address.str()},
                    {"namespace", member.owner.namespace_},
                    {"hostname", member.owner.hostname},
                    {"interface_ordinal", member.owner.interface_ordinal},
                    {"live", member.live}});
  }
  ipam_api::JsonText text(cidrs.size() + 128);
  text.raw("cidrs", cidrs).text("list", list.name).raw("members", text_of(pods));
  if (left_out > 0) {
    text.number("members_left_out", left_out);
  }
  text.text("network", list.network).text("version", version);
  return std::move(text).finished();
}

}  // namespace mooring::controller
