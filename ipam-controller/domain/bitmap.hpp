// A set of numbers 0..size-1 that finds a free one in constant time at any use: a 64-ary tree of words, where a bit of
// an upper level says "the word below has a free one". 16 million numbers take 2 MiB and four levels.
//
// Source: the measurements in docs/storage.md. Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace mooring::controller {

class Bitmap {
 public:
  // All free.
  explicit Bitmap(std::uint64_t size);

  std::uint64_t size() const { return size_; }
  std::uint64_t free_count() const { return free_; }
  // `index` < size() everywhere.
  bool is_free(std::uint64_t index) const;
  // False: it was taken (free) already; nothing changes.
  bool take(std::uint64_t index);
  bool give_back(std::uint64_t index);
  // The same for `count` numbers from `first`; as fast as the words they fill.
  void take_run(std::uint64_t first, std::uint64_t count);
  void give_back_run(std::uint64_t first, std::uint64_t count);
  bool run_is_free(std::uint64_t first, std::uint64_t count) const;
  // The first free one at or after `from`, else the first one at all.
  std::optional<std::uint64_t> next_free(std::uint64_t from) const;

 private:
  void set_run(std::uint64_t first, std::uint64_t count, bool free);
  std::optional<std::uint64_t> first_free_from(std::uint64_t from) const;

  std::uint64_t size_;
  std::uint64_t free_;
  std::vector<std::vector<std::uint64_t>> levels_;  // [0] one bit a number, 1 = free; [n] one bit a word of [n-1]
};

}  // namespace mooring::controller
