#include "ipam-controller/api/problem.hpp"

#include <fmt/format.h>

#include "mooring/ipam_api/messages.hpp"

namespace mooring::controller {
namespace {

http::Response response(int status, const ipam_api::Json& body) {
  // Messages quote what a client sent, which need not be UTF-8.
  return http::Response(status, "application/problem+json",
                        body.dump(-1, ' ', false, ipam_api::Json::error_handler_t::replace));
}

}  // namespace

http::Response problem(const Error& error) {
  http::Response answer = response(error.info().http_status, ipam_api::problem_from(error));
  if (error.code() == Errc::unauthorized) {
    answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return answer;
}

http::Response method_not_allowed(std::string_view method, std::string_view path, const std::string& allowed) {
  constexpr int status = 405;  // HTTP's own case of `unsupported`, which is 400 elsewhere
  ipam_api::Json body = ipam_api::problem_from(
      Error(Errc::unsupported, fmt::format("{} is not possible on {}", method, path), "allowed: " + allowed));
  body["status"] = status;
  http::Response answer = response(status, body);
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

}  // namespace mooring::controller
