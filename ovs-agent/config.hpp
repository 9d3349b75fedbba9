// The options of mooring-agent: command line, --config FILE, defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mooring/http/endpoint.hpp"
#include "mooring/ipam_api/messages.hpp"
#include "mooring/net/address.hpp"
#include "ovs-agent/domain/desired_flows.hpp"
#include "ovs-agent/domain/working_set.hpp"

namespace mooring::agent {

struct Config {
  std::string name;
  std::string machine_id;
  net::Ipv4Address vtep;
  std::string underlay_interface;
  http::Endpoint controller;
  std::string token;
  std::string socket;
  std::string state_dir;
  std::string ovsdb;
  std::string ovs_run_dir;
  std::string datapath;
  std::vector<net::IpCidr> allow_host_cidrs;
  std::vector<std::string> dhcp_servers;
  std::string zone;
  ipam_api::Labels labels;
  std::size_t max_destinations = 0;
  std::uint32_t destination_idle_seconds = 0;
  std::uint32_t relay_packets_per_second = 0;
  std::string block_pool;  // "": lease no blocks
  std::uint32_t block_size = 0;
  std::optional<http::Endpoint> metrics_listen;  // a door for GET /metrics alone
  std::string log_level;
  std::string doctor;   // "table", "json": look the node over and end; "": be the agent
  bool replay = false;  // program the flows from the disk and end

  std::string underlay_state() const { return state_dir + "/underlay.json"; }
  std::string destinations() const { return state_dir + "/destinations"; }
  std::string controller_heard() const { return state_dir + "/controller-heard"; }
  std::string checkpoint() const { return state_dir + "/directory"; }
};

WorkingSet::Settings destination_settings(const Config& config);
HostSettings host_settings(const Config& config);

// None: the program has nothing more to do (--help, --version, a mistake) and `exit_code` says how it ended; what is to
// be said is on stdout or stderr already.
std::optional<Config> read_config(int argc, const char* const* argv, int& exit_code);

}  // namespace mooring::agent
