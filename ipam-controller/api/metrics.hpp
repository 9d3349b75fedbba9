// A door of its own for Prometheus: GET /metrics and nothing else, for whoever reaches it (--metrics-listen).
// Threading: Ipam's thread.
#pragma once

#include "ipam-controller/api/routes.hpp"

namespace mooring::controller {

asio::awaitable<http::Answer> answer_metrics_only(Observatory& observatory, http::Request request);

}  // namespace mooring::controller
