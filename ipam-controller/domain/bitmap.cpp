#include "ipam-controller/domain/bitmap.hpp"

#include <bit>

namespace mooring::controller {
namespace {

constexpr std::uint64_t bits_a_word = 64;

std::uint64_t words_for(std::uint64_t bits) {
  return (bits + bits_a_word - 1) / bits_a_word;
}

std::uint64_t bit(std::uint64_t index) {
  return std::uint64_t{1} << (index % bits_a_word);
}

std::uint64_t lowest(std::uint64_t word) {
  return static_cast<std::uint64_t>(std::countr_zero(word));
}

}  // namespace

Bitmap::Bitmap(std::uint64_t size) : size_(size), free_(size) {
  std::uint64_t bits = size;
  do {
    std::vector<std::uint64_t> words(words_for(bits), ~std::uint64_t{0});
    if (bits % bits_a_word != 0) {
      words.back() = bit(bits) - 1;
    }
    levels_.push_back(std::move(words));
    bits = words_for(bits);
  } while (bits > 1);
}

bool Bitmap::is_free(std::uint64_t index) const {
  return (levels_[0][index / bits_a_word] & bit(index)) != 0;
}

bool Bitmap::take(std::uint64_t index) {
  if (!is_free(index)) {
    return false;
  }
  --free_;
  for (auto& level : levels_) {
    std::uint64_t& word = level[index / bits_a_word];
    word &= ~bit(index);
    if (word != 0) {
      break;
    }
    index /= bits_a_word;
  }
  return true;
}

bool Bitmap::give_back(std::uint64_t index) {
  if (is_free(index)) {
    return false;
  }
  ++free_;
  for (auto& level : levels_) {
    std::uint64_t& word = level[index / bits_a_word];
    const bool was_full = word == 0;
    word |= bit(index);
    if (!was_full) {
      break;
    }
    index /= bits_a_word;
  }
  return true;
}

void Bitmap::take_run(std::uint64_t first, std::uint64_t count) {
  set_run(first, count, false);
}
void Bitmap::give_back_run(std::uint64_t first, std::uint64_t count) {
  set_run(first, count, true);
}

void Bitmap::set_run(std::uint64_t first, std::uint64_t count, bool free) {
  if (count == 0) {
    return;
  }
  std::uint64_t from = first / bits_a_word;
  std::uint64_t to = (first + count - 1) / bits_a_word;
  for (std::uint64_t at = from; at <= to; ++at) {
    std::uint64_t mask = ~std::uint64_t{0};
    if (at == from) {
      mask &= ~(bit(first) - 1);
    }
    if (at == to && (first + count) % bits_a_word != 0) {
      mask &= bit(first + count) - 1;
    }
    std::uint64_t& word = levels_[0][at];
    const auto before = static_cast<std::uint64_t>(std::popcount(word));
    word = free ? word | mask : word & ~mask;
    free_ = free_ + static_cast<std::uint64_t>(std::popcount(word)) - before;
  }
  for (std::size_t level = 1; level < levels_.size(); ++level) {
    for (std::uint64_t below = from; below <= to; ++below) {
      std::uint64_t& word = levels_[level][below / bits_a_word];
      word = levels_[level - 1][below] != 0 ? word | bit(below) : word & ~bit(below);
    }
    from /= bits_a_word;
    to /= bits_a_word;
  }
}

bool Bitmap::run_is_free(std::uint64_t first, std::uint64_t count) const {
  const std::uint64_t from = first / bits_a_word;
  const std::uint64_t to = (first + count - 1) / bits_a_word;
  for (std::uint64_t at = from; at <= to; ++at) {
    std::uint64_t mask = ~std::uint64_t{0};
    if (at == from) {
      mask &= ~(bit(first) - 1);
    }
    if (at == to && (first + count) % bits_a_word != 0) {
      mask &= bit(first + count) - 1;
    }
    if ((levels_[0][at] & mask) != mask) {
      return false;
    }
  }
  return true;
}

std::optional<std::uint64_t> Bitmap::first_free_from(std::uint64_t from) const {
  // Up: the first level whose word has a free bit at or, above level 0, behind the place we come from.
  std::uint64_t least = from;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const std::uint64_t at = least / bits_a_word;
    if (at >= levels_[level].size()) {
      return std::nullopt;
    }
    const std::uint64_t word = levels_[level][at] & ~(bit(least) - 1);
    if (word != 0) {
      std::uint64_t found = at * bits_a_word + lowest(word);
      while (level > 0) {
        --level;
        found = found * bits_a_word + lowest(levels_[level][found]);
      }
      return found;
    }
    least = at + 1;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Bitmap::next_free(std::uint64_t from) const {
  if (free_ == 0) {
    return std::nullopt;
  }
  const auto found = from < size_ ? first_free_from(from) : std::nullopt;
  return found ? found : first_free_from(0);
}

}  // namespace mooring::controller
