// What the CNI plugin says to the agent of its node, over the root-only unix socket (docs/api/agent.md).
// Threading: values.
#pragma once

#include <map>
#include <string>

#include "mooring/agent_api/bandwidth.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::agent_api {

using ipam_api::Attachment;
using ipam_api::Generation;
using ipam_api::Json;

inline constexpr const char* default_socket = "/run/mooring/agent.sock";

// The host end of an attachment's veth pair: "mo" + 12 characters of base32 of a 60-bit hash of "container-id/ifname".
// Plugin and agent compute the same name without asking each other, so that the pair is made while the agent asks.
std::string host_interface_name(const Attachment& attachment);
// Has the text the form of such a name?
bool is_host_interface_name(std::string_view name);

// The link-local address that a container interface of this MAC has and may speak from (RFC 4291, appendix A).
net::IpAddress link_local_address(const net::MacAddress& mac);

// POST /v1/attach
struct AttachRequest {
  Attachment attachment;
  std::string netns;        // path, for the record
  std::string cni_network;  // name of the network configuration, for GC; "" from an older plugin
  std::string pod_uid, namespace_, hostname;
  std::uint32_t interface_ordinal = 0;
  ipam_api::Wishes wishes;      // of the pod
  ipam_api::Wishes configured;  // of the network configuration, for every pod; no addresses, no MAC
  Bandwidth bandwidth;          // an older agent refuses the request if there is a limit
  std::string trace_parent;     // W3C TRACEPARENT, "" if none
};
struct AttachAnswer {
  ipam_api::Allocation allocation;
  std::uint32_t ofport = 0;  // reserved: goes into ofport_request
  std::string bridge;        // "br-int"
  std::string ovsdb;         // "unix:/run/openvswitch/db.sock"
  std::string host_interface;
  std::map<std::string, std::string> external_ids;  // to be written on the Interface row as they are
  bool disable_tx_checksum = false;                 // the userspace datapath needs it
  // Not said by agents that knew IPv4 only: the IPv6 half of their allocations is left out when such an answer is read.
  bool carries_ipv6 = true;
};

// POST /v1/confirm: answers only when vswitchd has the port, its flows are in and past a barrier, and the generation is
// still the newest. Errc::superseded, timeout, unavailable.
struct ConfirmRequest {
  Attachment attachment;
  Generation generation = 0;
};

// POST /v1/detach: gives the address back (or journals that). Never fails for an attachment that is not known.
struct DetachRequest {
  Attachment attachment;
  std::string reason;  // "cni-del", "cni-add-failed"
};
struct DetachAnswer {
  bool released = false;   // by the controller, now
  bool journaled = false;  // the controller is away; the agent will tell it
};

// POST /v1/check
struct CheckRequest {
  Attachment attachment;
  std::string address;   // "10.0.0.5/24", from prevResult; "" = no IPv4
  std::string address6;  // "fd00::5/64"; "" = no IPv6
  std::string mac;
};
// `problems` empty: everything is as it should be.
struct CheckAnswer {
  std::vector<std::string> problems;
  std::uint32_t mtu_bytes = 0;  // that the port was made with; 0 = the agent does not know
};

Result<AttachRequest> attach_request_from(const Json& json);
Result<AttachAnswer> attach_answer_from(const Json& json);
Result<ConfirmRequest> confirm_request_from(const Json& json);
Result<DetachRequest> detach_request_from(const Json& json);
Result<DetachAnswer> detach_answer_from(const Json& json);
Result<CheckRequest> check_request_from(const Json& json);
Result<CheckAnswer> check_answer_from(const Json& json);
Json to_json(const AttachRequest& value);
Json to_json(const AttachAnswer& value);
Json to_json(const ConfirmRequest& value);
Json to_json(const DetachRequest& value);
Json to_json(const DetachAnswer& value);
Json to_json(const CheckRequest& value);
Json to_json(const CheckAnswer& value);

}  // namespace mooring::agent_api
