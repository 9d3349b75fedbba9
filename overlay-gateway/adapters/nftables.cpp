#include "overlay-gateway/adapters/nftables.hpp"

#include <nftables/libnftables.h>

#include <fmt/format.h>

namespace mooring::gateway {
namespace {

std::string without_line_ends(std::string text) {
  for (char& letter : text) {
    letter = letter == '\n' ? ' ' : letter;
  }
  const auto end = text.find_last_not_of(' ');
  return end == std::string::npos ? "no reason given" : text.substr(0, end + 1);
}

}  // namespace

void Nftables::Free::operator()(nft_ctx* context) const {
  nft_ctx_free(context);
}

Nftables::Nftables() : context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
  if (context_) {
    nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_STATELESS);
    nft_ctx_buffer_output(context_.get());
    nft_ctx_buffer_error(context_.get());
  }
}

Nftables::~Nftables() = default;

Result<std::string> Nftables::run(const std::string& commands) {
  if (!context_) {
    return Error(Errc::internal, "opening nftables: libnftables gives no context");
  }
  const int failed = nft_run_cmd_from_buffer(context_.get(), commands.c_str());
  const std::string said = nft_ctx_get_output_buffer(context_.get());
  const std::string problem = nft_ctx_get_error_buffer(context_.get());
  if (failed != 0) {
    return Error(Errc::io, without_line_ends(problem), "does this kernel have nf_tables and nft_nat? modprobe nft_nat");
  }
  return said;
}

Result<bool> Nftables::ensure(const SourceNat& nat) {
  const std::string wished = nat_text(nat);
  if (wished.empty() && known_gone_) {
    return false;
  }
  const auto tables = run("list tables ip");
  const bool there = tables && tables->find(fmt::format("table ip {}\n", nat_table)) != std::string::npos;
  if (wished.empty() && !there) {
    known_gone_ = tables.has_value();
    return false;  // a kernel without nftables has none either
  }
  if (!tables) {
    return tables.error().within("listing the tables of nftables");
  }
  if (there) {
    const auto present = run(fmt::format("list table ip {}", nat_table));
    if (present && *present == wished) {
      return false;
    }
  }
  const auto made = run(nat_commands(nat));
  if (!made) {
    return made.error().within(fmt::format("making the table ip {} of nftables", nat_table));
  }
  return true;
}

}  // namespace mooring::gateway
