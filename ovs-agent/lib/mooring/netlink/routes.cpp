// Unicast routes.
#include <linux/rtnetlink.h>

#include <fmt/format.h>

#include "mooring/netlink/connection.hpp"

namespace mooring::netlink {
namespace {

constexpr std::uint32_t largest_table_in_header = 255;

std::string named(std::string_view doing, const Route& route) {
  std::string text = fmt::format("{} route {}", doing, route.destination.str());
  if (route.via) {
    text += " via " + route.via->str();
  }
  return fmt::format("{} over link number {}", text, route.link_index);
}

std::uint8_t usual_scope(const Route& route) {
  return route.via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
}

Request route_request(int type, int flags, const Route& route) {
  rtmsg header{};
  header.rtm_family = family_number(route.destination.family());
  header.rtm_dst_len = static_cast<std::uint8_t>(route.destination.prefix_length());
  header.rtm_table =
      route.table > largest_table_in_header ? std::uint8_t{RT_TABLE_UNSPEC} : static_cast<std::uint8_t>(route.table);
  header.rtm_protocol = route.protocol;
  header.rtm_scope = route.scope.value_or(usual_scope(route));
  header.rtm_type = RTN_UNICAST;
  header.rtm_flags = route.onlink ? unsigned{RTNH_F_ONLINK} : 0U;
  Request request(type, flags, header);
  request.put(RTA_TABLE, route.table);
  if (route.destination.prefix_length() != 0) {
    request.put_address(RTA_DST, route.destination.first());
  }
  if (route.via) {
    request.put_address(RTA_GATEWAY, *route.via);
  }
  if (route.link_index != 0) {
    request.put(RTA_OIF, route.link_index);
  }
  if (route.source) {
    request.put_address(RTA_PREFSRC, *route.source);
  }
  if (route.metric != 0) {
    request.put(RTA_PRIORITY, route.metric);
  }
  if (route.mtu_bytes != 0 || route.advmss_bytes != 0) {
    request.nest(RTA_METRICS, [&](Request& metrics) {
      if (route.mtu_bytes != 0) {
        metrics.put(RTAX_MTU, route.mtu_bytes);
      }
      if (route.advmss_bytes != 0) {
        metrics.put(RTAX_ADVMSS, route.advmss_bytes);
      }
    });
  }
  return request;
}

std::uint32_t metric_of(const nlattr* metrics, int which) {
  nlattr* table[RTAX_MAX + 1] = {};
  if (metrics != nullptr) {
    nla_parse_nested(table, RTAX_MAX, const_cast<nlattr*>(metrics), nullptr);
  }
  return table[which] == nullptr ? 0 : nla_get_u32(table[which]);
}

net::IpAddress unspecified(net::Family family) {
  return family == net::Family::v4 ? net::IpAddress() : net::IpAddress::from_bits(0);
}

std::optional<Route> route_from(nlmsghdr* message, net::Family family) {
  const auto* header = static_cast<const rtmsg*>(nlmsg_data(message));
  const Attributes<RTA_MAX + 1> attributes(message, sizeof(rtmsg));
  Route route;
  route.table = attributes[RTA_TABLE] != nullptr ? attributes.number(RTA_TABLE) : header->rtm_table;
  const bool ours_to_show = header->rtm_family == family_number(family) && header->rtm_type == RTN_UNICAST &&
                            (header->rtm_flags & RTM_F_CLONED) == 0 && route.table != RT_TABLE_LOCAL;
  if (!ours_to_show) {
    return std::nullopt;
  }
  route.destination = net::IpCidr(address_of(attributes[RTA_DST]).value_or(unspecified(family)), header->rtm_dst_len);
  route.via = address_of(attributes[RTA_GATEWAY]);
  route.link_index = static_cast<int>(attributes.number(RTA_OIF));
  route.source = address_of(attributes[RTA_PREFSRC]);
  route.onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
  route.protocol = header->rtm_protocol;
  route.metric = attributes.number(RTA_PRIORITY);
  route.mtu_bytes = metric_of(attributes[RTA_METRICS], RTAX_MTU);
  route.advmss_bytes = metric_of(attributes[RTA_METRICS], RTAX_ADVMSS);
  if (family == net::Family::v4 && header->rtm_scope != usual_scope(route)) {
    route.scope = header->rtm_scope;
  }
  return route;
}

}  // namespace

Result<void> NetlinkSocket::add_route(const Route& route) {
  Request request = route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  return connection_->call(named("adding", route), request);
}

Result<void> NetlinkSocket::replace_route(const Route& route) {
  Request request = route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
  return connection_->call(named("setting", route), request);
}

Result<void> NetlinkSocket::delete_route(const Route& route) {
  Request request = route_request(RTM_DELROUTE, 0, route);
  return connection_->call(named("deleting", route), request);
}

Result<std::vector<Route>> NetlinkSocket::list_routes(std::optional<int> link_index, net::Family family) {
  rtmsg header{};
  header.rtm_family = family_number(family);
  Request request(RTM_GETROUTE, NLM_F_DUMP, header);
  if (link_index) {
    request.put(RTA_OIF, *link_index);
  }
  return connection_->list_of_link<Route>("listing routes", request, [&](nlmsghdr* message) -> std::optional<Route> {
    auto route = route_from(message, family);
    return route && (!link_index || route->link_index == *link_index) ? std::move(route) : std::nullopt;
  });
}

}  // namespace mooring::netlink
