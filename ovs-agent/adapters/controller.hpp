// The controller, over HTTP (docs/api/rest.md): short calls on a pool of warm connections. The watch stream is
// directory::WatchClient's.
// Threading: the agent's one thread.
#pragma once

#include <functional>

#include "mooring/http/client.hpp"
#include "ovs-agent/app/ports.hpp"

namespace mooring::agent {

class Controller final : public ControllerPort {
 public:
  // `connected`: is its watch stream open?
  Controller(asio::any_io_executor executor, std::string node, http::Endpoint endpoint, const std::string& token,
             std::function<bool()> connected);

  asio::awaitable<Result<ipam_api::Allocation>> allocate(ipam_api::AllocateRequest request, Deadline deadline) override;
  asio::awaitable<Result<void>> try_allocate(ipam_api::AllocateRequest request, Deadline deadline) override;
  asio::awaitable<Result<void>> confirm(ipam_api::ConfirmRequest request, Deadline deadline) override;
  asio::awaitable<Result<ipam_api::ReleaseAnswer>> release(ipam_api::ReleaseRequest request,
                                                           Deadline deadline) override;
  asio::awaitable<Result<ipam_api::Allocation>> given(ipam_api::GivenReport report, Deadline deadline) override;
  asio::awaitable<Result<void>> lease_block(std::string pool, std::uint32_t count, net::Family family,
                                            Deadline deadline) override;
  asio::awaitable<Result<void>> return_block(std::string id, Deadline deadline) override;
  asio::awaitable<Result<void>> report(ipam_api::NodeInventory inventory, Deadline deadline) override;
  // Of the back ends of VIPs here.
  asio::awaitable<Result<void>> report_vips(ipam_api::Json report, Deadline deadline);
  bool connected() const override { return connected_(); }

 private:
  asio::awaitable<Result<ipam_api::Allocation>> allocation(std::string target, ipam_api::Json body, Deadline deadline);
  asio::awaitable<Result<ipam_api::Json>> post(std::string target, ipam_api::Json body, Deadline deadline);

  std::string node_;
  http::Client client_;
  std::function<bool()> connected_;
};

}  // namespace mooring::agent
