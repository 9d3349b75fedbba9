// What a pod wishes of the controller, by annotation and argument, and what the network configuration adds.
// Errors: as attach_request.hpp says.
#pragma once

#include "cni-plugin/wish_sources.hpp"
#include "mooring/ipam_api/messages.hpp"

namespace mooring::cni {

// Annotation over CNI_ARGS over capability argument, field by field; labels one by one.
Result<ipam_api::Wishes> wishes_of_pod(const WishSources& sources, const ConfiguredWishes& configured);

// For every pod of this configuration: never an address or a MAC.
Result<ipam_api::Wishes> wishes_of_configuration(const ConfiguredWishes& configured);

// mooring.io/… annotations that this version does not know are told on standard error and ignored: a newer one may.
void tell_unknown_annotations(const ConfiguredWishes& configured);

}  // namespace mooring::cni
