// Tap devices and the redirection that joins them to a veth end, on the real kernel.
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "mooring/netlink/tap.hpp"
#include "support/throwaway_netns.hpp"

using namespace mooring;
using namespace mooring::netlink;

namespace {

// Takes a tap device that is there, as a virtual machine's monitor does.
FileDescriptor open_tap(const NetworkNamespace& space, const char* name) {
  FileDescriptor file;
  const auto opened = space.run([&]() -> Result<void> {
    file = FileDescriptor(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    ifreq request{};
    std::string(name).copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    REQUIRE(::ioctl(file.get(), TUNSETIFF, &request) == 0);
    return ok();
  });
  REQUIRE(opened.has_value());
  return file;
}

// A broadcast frame of a type that nobody else sends.
std::array<char, 60> frame() {
  std::array<char, 60> bytes{};
  bytes.fill('\xff');
  bytes[6] = 0x0a;
  bytes[12] = '\x88';
  bytes[13] = '\xb5';
  return bytes;
}

bool arrives(const FileDescriptor& tap) {
  pollfd waiting{tap.get(), POLLIN, 0};
  ::poll(&waiting, 1, 100);
  std::array<char, 2048> bytes{};
  while (::read(tap.get(), bytes.data(), bytes.size()) > 0) {
    if (bytes[12] == '\x88' && bytes[13] == '\xb5') {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a tap device goes with its maker unless it was kept") {
  tests::ThrowawayNetns ns;
  const auto space = ns.open();
  auto socket = NetlinkSocket::open_in(space).value();
  {
    const auto tap = TapDevice::create(space, "eth0", {}).value();
    CHECK(socket.find_link("eth0").value().kind == "tun");
    CHECK(TapDevice::create(space, "eth0", {}).error().code() == Errc::already_exists);
  }
  CHECK(socket.find_link("eth0").error().code() == Errc::not_found);
  {
    auto tap = TapDevice::create(space, "eth0", {1000, 1001}).value();
    REQUIRE(tap.keep());
  }
  LinkChange named;
  named.alias = "mooring c1/eth0";
  REQUIRE(socket.change_link(socket.find_link("eth0").value().index, named));
  REQUIRE(delete_tap(socket, "eth0", "mooring c2/eth0"));
  CHECK(socket.find_link("eth0").has_value());
  REQUIRE(delete_tap(socket, "lo", ""));
  REQUIRE(delete_tap(socket, "eth0", "mooring c1/eth0"));
  CHECK(socket.find_link("eth0").error().code() == Errc::not_found);
  REQUIRE(delete_tap(socket, "eth0", "mooring c1/eth0"));
}

TEST_CASE("what comes in by one link leaves by the other") {
  tests::ThrowawayNetns ns;
  const auto space = ns.open();
  auto socket = NetlinkSocket::open_in(space).value();
  for (const char* name : {"a", "b"}) {
    REQUIRE(TapDevice::create(space, name, {}).value().keep());
  }
  const int first = socket.find_link("a").value().index;
  const int second = socket.find_link("b").value().index;
  LinkChange up;
  up.up = true;
  REQUIRE(socket.change_link(first, up));
  REQUIRE(socket.change_link(second, up));
  CHECK(socket.redirection_of(first).value() == std::nullopt);
  REQUIRE(socket.redirect_incoming(first, second));
  CHECK(socket.redirection_of(first).value() == second);
  CHECK(socket.redirection_of(second).value() == std::nullopt);
  CHECK(socket.redirect_incoming(first, second).error().code() == Errc::already_exists);
  CHECK(socket.redirect_incoming(4711, second).error().code() == Errc::not_found);
  const auto a = open_tap(space, "a");
  const auto b = open_tap(space, "b");
  const auto sent = frame();
  // The kernel takes a moment to see that somebody is there.
  bool there = false;
  for (int i = 0; i < 50 && !there; ++i) {
    REQUIRE(::write(a.get(), sent.data(), sent.size()) == static_cast<ssize_t>(sent.size()));
    there = arrives(b);
  }
  CHECK(there);
}
