#include "overlay-gateway/domain/source_nat.hpp"

#include <fmt/format.h>

namespace mooring::gateway {
namespace {

// nft shows a prefix of one address without its length.
std::string shown(const net::Cidr& prefix) {
  return prefix.prefix_length() == 32 ? prefix.first().str() : prefix.str();
}

}  // namespace

std::string nat_text(const SourceNat& nat) {
  if (nat.sources.empty()) {
    return "";
  }
  std::string text = fmt::format("table ip {} {{\n\tchain source {{\n", nat_table);
  text += "\t\ttype nat hook postrouting priority srcnat; policy accept;\n";
  text += fmt::format("\t\toifname != \"{}\" accept\n", nat.interface);
  for (const net::Cidr& known : nat.exceptions) {
    text += fmt::format("\t\tip daddr {} accept\n", shown(known));
  }
  for (const net::Cidr& source : nat.sources) {
    text += fmt::format("\t\tip saddr {} counter snat to {}\n", shown(source), nat.address.str());
  }
  return text + "\t}\n}\n";
}

std::string nat_commands(const SourceNat& nat) {
  return fmt::format("add table ip {0}\ndelete table ip {0}\n{1}", nat_table, nat_text(nat));
}

}  // namespace mooring::gateway
