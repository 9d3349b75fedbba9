// mooring-ipam: addresses for interfaces that another main plugin makes (CNI spec 1.1, section 4: delegated execution).
// The same program under another name; docs/howto/ipam-alone.md. Errors: as commands.hpp says.
#pragma once

#include <string_view>

#include "cni-plugin/commands.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::cni {

enum class Role { main_plugin, ipam };
// By the name that the program was started under: ".../mooring-ipam" is the IPAM.
Role role_by_name(std::string_view path);

// What concerns the IPAM of the main plugin's configuration, as if it were a configuration of our own: the keys of its
// `ipam` section, and of the whole what the runtime said. invalid_config: there is no such section.
Result<Json> ipam_part_of(Json json);

Result<Added> add_delegated(const Call& call, const NetConf& conf, const Interruption& interruption);
Result<void> del_delegated(const Call& call, const NetConf& conf, const Interruption& interruption);
Result<void> check_delegated(const Call& call, const NetConf& conf, const Interruption& interruption);

// The result of an IPAM plugin: no interfaces, and no index of one.
Json ipam_result_for(const std::string& cni_version, const ipam_api::Allocation& allocation, bool default_route,
                     const std::vector<ConfiguredRoute>& configured = {});

}  // namespace mooring::cni
