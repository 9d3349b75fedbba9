// What "describe access-rule" shows beside the rule. Threading: one thread.
#pragma once

#include <iosfwd>

#include "ipam-controller/cli/controller_session.hpp"

namespace mooring::ctl {

// Asks the gateways of the rule's network, by way of the controller; one that does not answer is said to.
Result<void> print_rule_use(ControllerSession& session, std::ostream& out, const Json& rule);

}  // namespace mooring::ctl
