// errno as the callers see it.
#include <cerrno>

#include <catch2/catch.hpp>

#include "mooring/netlink/system_error.hpp"

using namespace mooring;
using netlink::system_error;

TEST_CASE("each errno that callers tell apart has its code") {
  const auto [number, code] = GENERATE(table<int, Errc>({{EEXIST, Errc::already_exists},
                                                         {ENODEV, Errc::not_found},
                                                         {ENOENT, Errc::not_found},
                                                         {ESRCH, Errc::not_found},
                                                         {EADDRNOTAVAIL, Errc::not_found},
                                                         {EBUSY, Errc::in_use},
                                                         {EPERM, Errc::permission_denied},
                                                         {EOPNOTSUPP, Errc::unsupported},
                                                         {ENOMEM, Errc::io},
                                                         {EINVAL, Errc::io}}));
  CAPTURE(number);
  CHECK(system_error("doing", number).code() == code);
}

TEST_CASE("the kernel's explanation stands behind the cause") {
  CHECK(system_error("adding route 10.0.0.0/8", EINVAL).message() == "adding route 10.0.0.0/8: Invalid argument");
  CHECK(system_error("adding route 10.0.0.0/8", EINVAL, "Nexthop has invalid gateway").message() ==
        "adding route 10.0.0.0/8: Invalid argument (Nexthop has invalid gateway)");
}
