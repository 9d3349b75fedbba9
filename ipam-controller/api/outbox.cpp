#include "ipam-controller/api/outbox.hpp"

#include <utility>

namespace mooring::controller {

bool Outbox::push(std::string line) {
  if (ended_) {
    return true;
  }
  if (bytes_ + line.size() > max_bytes_) {
    return false;
  }
  bytes_ += line.size();
  lines_.push_back(std::move(line));
  return true;
}

void Outbox::end(std::string last_words) {
  if (ended_) {
    return;
  }
  ended_ = true;
  lines_.clear();
  bytes_ = last_words.size();
  lines_.push_back(std::move(last_words));
}

Lines Outbox::take() {
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  bytes_ -= line.size();
  return std::make_shared<const std::string>(std::move(line));
}

}  // namespace mooring::controller
