// Questions that went down a stream and wait for their POST /v1/answers/ID.
// Threading: one thread. Must outlive its waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "mooring/ipam_api/json_fields.hpp"

namespace mooring::controller {

namespace asio = boost::asio;

class NodeQueries {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  static constexpr std::size_t max_open = 1000;

  // One open question. It is forgotten when this is destroyed; an answer that comes later finds nobody.
  class Waiting {
   public:
    Waiting(NodeQueries& queries, std::string id, std::string whom);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    // Unguessable: who knows it was asked.
    const std::string& id() const { return id_; }
    // Errc::timeout at the deadline; Errc::unavailable when the stream that carried the question ended.
    asio::awaitable<Result<ipam_api::Json>> answer(Deadline deadline);

   private:
    friend class NodeQueries;
    void settle(Result<ipam_api::Json> result);

    NodeQueries& queries_;
    std::string id_;
    std::string whom_;  // "node h1"
    asio::steady_timer signal_;
    std::optional<Result<ipam_api::Json>> result_;
  };

  explicit NodeQueries(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // Errc::unavailable when too many are open.
  Result<std::unique_ptr<Waiting>> open(std::string whom);
  // Errc::not_found: nobody waits (any more) for that.
  Result<void> answer(const std::string& id, ipam_api::Json body);
  // The stream to `whom` ended: its questions will not be answered.
  void lost(const std::string& whom);

 private:
  asio::any_io_executor executor_;
  std::map<std::string, Waiting*> waiting_;
};

}  // namespace mooring::controller
