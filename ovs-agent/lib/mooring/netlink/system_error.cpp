#include "mooring/netlink/system_error.hpp"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace mooring::netlink {
namespace {

Errc code_of(int error_number) {
  switch (error_number) {
    case EEXIST:
      return Errc::already_exists;
    case ENODEV:
    case ENOENT:
    case ESRCH:
    case EADDRNOTAVAIL:
    case ENXIO:
    case ENOTDIR:
      return Errc::not_found;
    case EBUSY:
      return Errc::in_use;
    case EPERM:
    case EACCES:
    case EROFS:
      return Errc::permission_denied;
    case EOPNOTSUPP:
      return Errc::unsupported;
    default:
      return Errc::io;
  }
}

}  // namespace

Error system_error(std::string_view doing, int error_number, std::string_view explanation) {
  const std::string cause = std::generic_category().message(error_number);
  return Error(code_of(error_number), explanation.empty() ? fmt::format("{}: {}", doing, cause)
                                                          : fmt::format("{}: {} ({})", doing, cause, explanation));
}

}  // namespace mooring::netlink
