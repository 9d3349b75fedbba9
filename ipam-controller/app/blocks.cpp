// Addresses leased to nodes, so that they can start pods while the controller is away.
#include <bit>

#include <fmt/format.h>

#include "ipam-controller/app/use_cases.hpp"
#include "ipam-controller/domain/patterns.hpp"

namespace mooring::controller {
namespace {

constexpr std::uint32_t most_addresses = 4096;

}  // namespace

Result<Block> lease_block(Transaction& tx, const LeaseRequest& request) {
  const std::string doing = fmt::format("leasing a block of pool {} to node {}", request.pool, request.node);
  const Node* node = tx.state().node(request.node);
  if (node == nullptr || node->fenced) {
    return Error(node == nullptr ? Errc::not_found : Errc::superseded,
                 fmt::format("{}: {}", doing, node == nullptr ? "there is no such node" : "the node is fenced"),
                 "mooringctl get nodes");
  }
  const Pool* pool = tx.state().pool(request.pool);
  if (pool == nullptr) {
    return Error(Errc::not_found, doing + ": there is no such pool", "mooringctl get pools");
  }
  if (pool->kind != Kind::stateless) {
    return Error(Errc::conflict, fmt::format("{}: the pool is of kind {}", doing, to_string(pool->kind)),
                 "a node gives out stateless addresses alone: name a pool of kind stateless");
  }
  // The node alone sees who asks: what only the controller can check stays with it.
  if (!pool->allow.empty() || !pool->deny.empty() || pool->namespace_quota || !pool->quotas.empty() ||
      !pool->selector.namespaces.empty() || !pool->selector.hostnames.empty() || !pool->selector.labels.empty()) {
    return Error(Errc::conflict,
                 fmt::format("{}: the pool is not for everybody, and the node cannot check that", doing),
                 "name a pool without quotas, allow and deny lists, and selectors of pods");
  }
  const Selector of_nodes{{}, {}, pool->selector.nodes, pool->selector.zones, {}};
  if (const std::string reason = mismatch(of_nodes, {"", "", node->name, node->zone, {}}); !reason.empty()) {
    return Error(Errc::permission_denied, fmt::format("{}: it is not for it: {}", doing, reason),
                 fmt::format("name another pool, or change it: mooringctl edit pool {}", pool->name));
  }
  if (request.count == 0 || request.count > most_addresses) {
    return Error(Errc::invalid_argument, fmt::format("{}: count is {}", doing, request.count),
                 fmt::format("1 to {}", most_addresses));
  }
  const std::uint64_t count = std::bit_ceil(request.count);
  const auto range = tx.state().free_run(pool->name, request.family, count);
  if (!range) {
    const PoolUse use = tx.state().use(pool->name, request.family);
    return Error(
        Errc::exhausted,
        fmt::format("{}: no block of {} addresses is free ({} of {} addresses are)", doing, count, use.free, use.size),
        "lease a smaller block, or another pool's");
  }
  Block block;
  block.generation = tx.revision();
  block.id = block_id_of(block.generation);
  block.node = request.node;
  block.pool = pool->name;
  block.subnet = pool->subnet;
  block.vni = tx.state().subnet(pool->subnet)->vni;
  block.range = *range;
  block.leased_ms = tx.now();
  block.use_seconds = request.use_seconds;
  tx.put(block);
  return *tx.state().block(block.id);
}

Result<void> return_block(Transaction& tx, const std::string& id, bool reported) {
  const std::string doing = fmt::format("taking back block {}", id);
  const Block* block = tx.state().block(id);
  if (block == nullptr) {
    return Error(Errc::not_found, doing + ": there is no such block", "mooringctl get blocks");
  }
  if (auto match = check_match(tx, block->revision, "block " + id); !match) {
    return match;
  }
  const Node* node = tx.state().node(block->node);
  if (!reported && node != nullptr && !node->fenced) {
    if (!block->returning) {
      Block asked = *block;
      asked.returning = true;
      tx.put(std::move(asked));
    }
    return ok();
  }
  for (const Port& port : tx.state().ports_of_node(block->node)) {
    for (const net::IpAddress address : port.addresses.all()) {
      if (port.vni == block->vni && block->range.contains(address)) {
        return Error(Errc::in_use, fmt::format("{}: {} is that of {}", doing, address.str(), port.owner.str()),
                     "the block goes back when its pods are gone");
      }
    }
  }
  tx.erase(Block(*block));
  return ok();
}

}  // namespace mooring::controller
