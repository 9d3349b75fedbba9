// What a feed is written as (docs/howto/feeds.md). Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipam-controller/domain/objects.hpp"
#include "mooring/base/error.hpp"
#include "mooring/net/ip.hpp"

namespace mooring::controller {

enum class FeedFormat { json, plain, haproxy, nftables };

struct FeedForm {
  FeedFormat format = FeedFormat::json;
  std::string table = "mooring";  // of nftables: the table, of family inet, that the sets are in
  auto operator<=>(const FeedForm&) const = default;
};
// "" is the default. Errors name the parameter, the value, and what there is.
Result<FeedForm> parse_feed_form(std::string_view format, std::string_view table);
std::string_view content_type_of(const FeedForm& form);

// 16 hexadecimal digits of SHA-256.
std::string feed_digest(std::string_view text);
// Of the addresses alone: the same for the same addresses, before and after a restart.
std::string feed_version(const AddressList& list, const std::vector<net::IpCidr>& cover);

// plain, haproxy, nftables.
std::string feed_text(const FeedForm& form, const AddressList& list, const std::string& version,
                      const std::vector<net::IpCidr>& cover);

// One pod's address, in the JSON form.
struct FeedMember {
  net::IpAddress address;
  BindingKey owner;
  bool live = false;
};
// `left_out`: there are that many more members than a feed tells one by one.
std::string feed_json(const AddressList& list, const std::string& version, const std::vector<net::IpCidr>& cover,
                      const std::vector<FeedMember>& members, std::size_t left_out);

}  // namespace mooring::controller
