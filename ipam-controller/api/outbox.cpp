#include "ipam-controller/api/outbox.hpp"

#include <utility>

namespace mooring::controller {
namespace {

constexpr std::size_t joined_bytes = std::size_t{256} * 1024;

}  // namespace

bool Outbox::push(Lines block) {
  if (ended_) {
    return true;
  }
  if (bytes_ + block->size() > max_bytes_) {
    return false;
  }
  bytes_ += block->size();
  blocks_.push_back(std::move(block));
  return true;
}

void Outbox::end(std::string last_words) {
  if (ended_) {
    return;
  }
  ended_ = true;
  blocks_.clear();
  bytes_ = last_words.size();
  blocks_.push_back(std::make_shared<const std::string>(std::move(last_words)));
}

Lines Outbox::take() {
  Lines first = std::move(blocks_.front());
  blocks_.pop_front();
  bytes_ -= first->size();
  if (blocks_.empty() || first->size() + blocks_.front()->size() > joined_bytes) {
    return first;
  }
  std::string joined = *first;
  while (!blocks_.empty() && joined.size() + blocks_.front()->size() <= joined_bytes) {
    joined += *blocks_.front();
    bytes_ -= blocks_.front()->size();
    blocks_.pop_front();
  }
  return std::make_shared<const std::string>(std::move(joined));
}

}  // namespace mooring::controller
