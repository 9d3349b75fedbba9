// The text of the kernel's table; the kernel itself is asked in tests/system/test_source_nat.py.
#include <catch2/catch.hpp>

#include "overlay-gateway/domain/source_nat.hpp"

using namespace mooring;
using namespace mooring::gateway;

TEST_CASE("source NAT: the table is in nft's own words, and replaced whole") {
  SourceNat nat;
  nat.interface = "eth1";
  nat.address = net::Ipv4Address::parse("192.168.7.1").value();
  CHECK(nat_text(nat).empty());
  CHECK(nat_commands(nat) == "add table ip mooring-gateway\ndelete table ip mooring-gateway\n");
  nat.sources = {net::Cidr::parse("10.100.0.0/16").value(), net::Cidr::parse("10.7.0.0/24").value()};
  nat.exceptions = {net::Cidr::parse("192.168.0.0/16").value(), net::Cidr::parse("192.0.2.1/32").value()};
  const std::string text =
      "table ip mooring-gateway {\n"
      "\tchain source {\n"
      "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
      "\t\toifname != \"eth1\" accept\n"
      "\t\tip daddr 192.0.2.1 accept\n"
      "\t\tip daddr 192.168.0.0/16 accept\n"
      "\t\tip saddr 10.7.0.0/24 counter snat to 192.168.7.1\n"
      "\t\tip saddr 10.100.0.0/16 counter snat to 192.168.7.1\n"
      "\t}\n"
      "}\n";
  CHECK(nat_text(nat) == text);
  CHECK(nat_commands(nat) == "add table ip mooring-gateway\ndelete table ip mooring-gateway\n" + text);
}
