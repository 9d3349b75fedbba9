// Everything that looks on, in one place: metrics, events, alarms, webhooks. Once a second it looks at the whole.
//
//   Ipam --- told after the fact ---> Observatory --> Metrics
//                                          |--------> EventBook --> long polls, WebhookSender
//                                          `--------> Lookout ----> events of its own
//
// Threading: Ipam's thread. ipam.observe(*this) before Ipam::start(), start() after it; stop() before the end, and let
// the executor run out of work before destroying it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipam-controller/app/ipam.hpp"
#include "ipam-controller/app/observer.hpp"
#include "ipam-controller/observe/event_book.hpp"
#include "ipam-controller/observe/lookout.hpp"
#include "ipam-controller/observe/metrics.hpp"
#include "ipam-controller/observe/rogues.hpp"
#include "ipam-controller/observe/webhook_sender.hpp"

namespace mooring::controller {

class Observatory : public IpamObserver {
 public:
  // What only others know.
  struct Sources {
    Lookout::PresenceOf presence;
    std::function<std::uint64_t()> watch_streams;
    std::function<std::uint64_t()> http_connections;
    // Left empty where there is no such thing: then nothing is said of it, no metric and no event.
    std::function<Lookout::AuditHead()> audit_head;
    std::function<bool()> read_only;
  };

  Observatory(asio::any_io_executor executor, Ipam& ipam, WebhookOptions webhooks);
  ~Observatory() override;

  void start(Sources sources);
  void stop();

  Metrics& metrics() { return metrics_; }
  EventBook& events() { return events_; }
  // Webhooks were created, changed or deleted: do not wait for the next look.
  void look_soon();
  // nullptr: the webhook is not known here (yet).
  const Delivery::Status* webhook_status(const std::string& name) const;
  std::size_t webhook_pending(const std::string& name) const;

  // Somebody claims an address that he does not hold, as a gateway or node has seen it.
  void sighted(const Sighting& sighting);
  // Of a gateway on its physical network: gateways answer for the overlay there.
  void gateway_mac(const std::string& gateway, net::MacAddress mac);
  // A gateway has said what it does with traffic: a drain that is over before the next look is an event all the same.
  void gateway_reported(const std::string& gateway);
  const Rogues& rogues() const { return rogues_; }

  // Answers with the text that Prometheus reads.
  void metrics_text(std::function<void(std::string)> done);

  // --- IpamObserver
  void loaded(std::vector<EventRecord> events, WebhookCursors cursors) override;
  void allocated(const ipam_api::AllocateRequest& request, std::chrono::nanoseconds took,
                 const Error* refused) override;
  void committed(std::size_t requests, bool durable) override;
  void released(const std::string& reason, std::uint64_t ports) override;
  void happened(const std::vector<EventRecord>& events) override;

 private:
  void look();
  void arm();
  void set_webhooks(const State& state);
  Figures figures_of(const State& state, Revision revision) const;

  asio::any_io_executor executor_;
  Ipam& ipam_;
  WebhookOptions webhook_options_;
  Sources sources_;
  Metrics metrics_;
  EventBook events_;
  std::unique_ptr<Lookout> lookout_;
  Rogues rogues_;
  std::map<std::string, net::MacAddress> gateway_macs_;
  std::unique_ptr<WebhookSender> sender_;
  std::vector<WebhookTarget> targets_;
  WebhookCursors cursors_;  // as loaded
  asio::steady_timer timer_;
  bool looking_ = false;
  bool stopped_ = false;
};

}  // namespace mooring::controller
